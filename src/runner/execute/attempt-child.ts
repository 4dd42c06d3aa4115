/*
 * The program of a child process: hears on descriptor 3 which attempt it is, imports the handler's module, runs the
 * handler, says how it went and ends; or, if it was told to prepare, waits for the next one. It knows of the runner that
 * descriptor and nothing else.
 */
import { Socket } from 'node:net';
import type { Callable } from './callable.ts';
import { callHandler } from './call-handler.ts';
import { ChildContext } from './child-context.ts';
import type { Ending, Usage } from './execution.ts';
import { AttemptFailure, failureOf } from './failure.ts';
import { handlerExported, handlerNamed, handlersAt } from './handlers-module.ts';
import { LineReader } from './lines.ts';
import type { ChildSays, ModuleEntry, RunnerMessage, StartMessage } from './messages.ts';
import { offerTaskledger } from './offer-taskledger.ts';
import { enterAttempt, leaveAttempt, usedSince } from './warm-attempt.ts';

// Not imported: it would bring the schemas along, which the runner checks and this side does not.
const runner = new Socket({ fd: 3 });
const handlers = new Map<string, Callable>();
let context: ChildContext | undefined;

const lines = new LineReader(Number.POSITIVE_INFINITY, (line) => hear(JSON.parse(line) as RunnerMessage<ModuleEntry>));
runner.on('data', (chunk: Buffer) => lines.push(chunk));
// The runner is gone, however it went: nobody waits for this attempt, and somebody else may begin it.
runner.on('close', () => process.kill(-process.pid, 'SIGKILL'));
runner.on('error', () => undefined);

function hear(message: RunnerMessage<ModuleEntry>): void {
  if (message.kind === 'stop') context?.stop(message.reason);
  else if (message.kind === 'recorded') context?.recorded(message.id);
  else if (message.kind === 'leave') leave();
  else if (message.kind === 'prepare') void prepare(message);
  else void begin(message);
}

function sayer(nonce: string): (message: ChildSays, whenSent?: () => void) => void {
  return (message, whenSent) => void runner.write(`${JSON.stringify({ ...message, nonce })}\n`, whenSent);
}

/** Loads what attempts will need. What goes wrong is told by the first of them, which tries again. */
async function prepare({ nonce, module, offer }: ModuleEntry & { readonly nonce: string }): Promise<void> {
  if (offer) offerTaskledger();
  await handlersAt(module).catch(() => undefined);
  sayer(nonce)({ kind: 'ready' });
}

async function begin(start: StartMessage<ModuleEntry>): Promise<void> {
  const { nonce, warm } = start;
  const say = sayer(nonce);
  const before = warm === undefined ? undefined : enterAttempt(warm);
  const attempt = new ChildContext(start, say);
  context = attempt;
  const ending = await run(start, attempt, () => warm !== undefined && say({ kind: 'began' }));
  attempt.close();
  const result = spoken(ending, usedSince(before));
  // One that was told to stop may have returned before all of it has: the process goes with it.
  if (warm === undefined || attempt.stoppedFor !== undefined) {
    say(result, leave);
    return;
  }
  say(result);
  await leaveAttempt(warm);
  say({ kind: 'idle', rss_bytes: process.memoryUsage.rss() });
}

async function run(entry: ModuleEntry, attempt: ChildContext, onBegin: () => void): Promise<Ending> {
  if (entry.offer) offerTaskledger();
  try {
    const handler = handlers.get(attempt.name) ?? (await handlerOf(entry, attempt.name));
    handlers.set(attempt.name, handler);
    onBegin();
    return await callHandler(handler, attempt);
  } catch (error) {
    const failure = failureOf(new AttemptFailure('MODULE_FAILED', error));
    return { failure };
  }
}

function handlerOf({ module, export: name }: ModuleEntry, task: string): Promise<Callable> {
  return name === undefined ? handlerNamed(module, task) : handlerExported(module, name, task);
}

function spoken(ending: Ending, usage: Usage): ChildSays {
  if ('failure' in ending) return { kind: 'failed', failure: ending.failure, usage } as ChildSays;
  const { outputJson } = ending;
  return { kind: 'completed', ...(outputJson === null ? {} : { output: JSON.parse(outputJson) as unknown }), usage };
}

/** What the handler printed last goes out first; what it left open must not keep the process. */
function leave(): void {
  process.stdout.write('', () => {
    // eslint-disable-next-line no-restricted-properties -- this is the main program of a process
    process.stderr.write('', () => process.exit(0));
  });
}
