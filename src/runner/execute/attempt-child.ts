/*
 * The program of a child process: hears on descriptor 3 which attempt it is, imports the handler's module, runs the
 * handler, says how it went and ends. It knows of the runner that descriptor and nothing else.
 */
import { Socket } from 'node:net';
import { callHandler } from './call-handler.ts';
import { ChildContext } from './child-context.ts';
import type { Ending } from './execution.ts';
import { AttemptFailure, failureOf } from './failure.ts';
import { handlerNamed } from './handlers-module.ts';
import { LineReader } from './lines.ts';
import type { ChildSays, RunnerMessage, StartMessage } from './messages.ts';
import { offerTaskledger } from './offer-taskledger.ts';
import { ownUsage } from './process-usage.ts';

// Not imported: it would bring the schemas along, which the runner checks and this side does not.
const runner = new Socket({ fd: 3 });
let context: ChildContext | undefined;

const lines = new LineReader(Number.POSITIVE_INFINITY, (line) => hear(JSON.parse(line) as RunnerMessage));
runner.on('data', (chunk: Buffer) => lines.push(chunk));
// The runner is gone, however it went: nobody waits for this attempt, and somebody else may begin it.
runner.on('close', () => process.kill(-process.pid, 'SIGKILL'));
runner.on('error', () => undefined);

function hear(message: RunnerMessage): void {
  if (message.kind === 'stop') context?.stop(message.reason);
  else if (message.kind === 'recorded') context?.recorded(message.id);
  else void begin(message);
}

async function begin(start: StartMessage): Promise<void> {
  const { nonce } = start;
  const say = (message: ChildSays, whenSent?: () => void): void => {
    runner.write(`${JSON.stringify({ ...message, nonce })}\n`, whenSent);
  };
  context = new ChildContext(start, say);
  say(spoken(await run(start, context)), leave);
}

async function run({ module, offer }: StartMessage, attempt: ChildContext): Promise<Ending> {
  if (offer) offerTaskledger();
  try {
    return await callHandler(await handlerNamed(module, attempt.name), attempt);
  } catch (error) {
    const failure = failureOf(new AttemptFailure('MODULE_FAILED', error));
    return { failure };
  }
}

function spoken(ending: Ending): ChildSays {
  const usage = ownUsage();
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
