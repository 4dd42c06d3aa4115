import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { repositoryRoot } from './repository.ts';

/** What a runner in a process of its own tells: its signals by name, and what its handler says with `tell`. */
export interface Told {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface RunnerProcess {
  readonly child: ChildProcess;
  /** Everything told so far. */
  readonly told: readonly Told[];
  /** Resolves once `name` has been told; rejects with what was written to stderr if the process ends before. */
  tells(name: string): Promise<Told>;
  /** Lets the handler go on that waits in `goAhead()`. */
  goAhead(): void;
  readonly exited: Promise<unknown>;
}

interface RunnerProcessOptions {
  readonly url: string;
  /** Shown in the history. */
  readonly name: string;
  /** Where `effect(text)` writes: a line each, appended, as an outside system would count them. */
  readonly effects: string;
  /** Body of the handler: JavaScript that may use its context and effect, tell, goAhead, blockFor, arm, ledger, runner. */
  readonly handler: string;
  readonly ttlMs?: number;
  /** Default 1. */
  readonly concurrency?: number;
  /** Other sites it works for, by name. */
  readonly sites?: Readonly<Record<string, string>>;
  /** Default `some.task`. */
  readonly task?: string;
  /** Body of a verify handler, as `handler`; the task is then protected. */
  readonly verify?: string;
  /**
   * A failpoint: an expression over a signal's `name` and `data`, and `armed` (true once the handler called `arm()`). The
   * process kills itself with SIGKILL inside the first signal it is true of, so nothing after that point is done.
   */
  readonly diesAt?: string;
}

/** Starts a runner for one kind of task from the compiled package; it is killed when the test ends. */
export function spawnRunner(options: RunnerProcessOptions): RunnerProcess {
  const {
    url,
    name,
    effects,
    handler,
    ttlMs = 1000,
    concurrency = 1,
    task = 'some.task',
    diesAt = 'false',
    verify,
    sites = {},
  } = options;
  const kind =
    verify === undefined
      ? ''
      : `, protected: true, verify: async ({ input, attempt, signal, taskId }) => { ${verify} }`;
  const script = `
    import { appendFileSync } from 'node:fs';
    import { defineTask, openLedger } from ${JSON.stringify(path.join(repositoryRoot, 'dist/index.js'))};
    const [url, name, effects, ttlMs, sites] = ${JSON.stringify([url, name, effects, ttlMs, sites])};
    const tell = (name, data = {}) => process.send({ name, data });
    const effect = (text) => appendFileSync(effects, name + ' ' + text + '\\n');
    const told = new Promise((resolve) => process.once('message', resolve));
    const goAhead = () => told;
    // The whole event loop stands still, as in a handler that computes.
    const blockFor = (ms) => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    let armed = false;
    const arm = () => void (armed = true);
    const ledger = await openLedger({ connectionString: url });
    ledger.signals.subscribe(({ name, data }) => { if (${diesAt}) process.kill(process.pid, 'SIGKILL'); });
    ledger.signals.subscribe(({ name, data }) => { if (process.connected) tell(name, data); });
    const task = defineTask({ name: ${JSON.stringify(task)}${kind} });
    const run = async ({ input, attempt, signal, taskId, lease, progress }) => { ${handler} };
    const handlers = [task.handle(run)];
    const runner = ledger.runner({ handlers, name, leaseTtlMs: ttlMs, pollMs: 50, concurrency: ${concurrency}, sites });
    await runner.start();
    process.on('disconnect', () => process.exit());`;
  // A file beside the effects: a script given on the command line cannot start threads.
  const file = path.join(path.dirname(effects), `${name}.mjs`);
  writeFileSync(file, script);
  const child = spawn(process.execPath, [file], {
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return follow(child);
}

function follow(child: ChildProcess): RunnerProcess {
  const told: Told[] = [];
  let complaint = '';
  let news = (): void => undefined;
  let ended = false;
  createInterface({ input: child.stderr! }).on('line', (line) => (complaint += `${line}\n`));
  child.on('message', (message) => {
    told.push(message as Told);
    news();
  });
  const exited = once(child, 'exit').then(() => {
    ended = true;
    news();
  });
  const tells = async (name: string): Promise<Told> => {
    for (;;) {
      const found = told.find((one) => one.name === name);
      if (found !== undefined) return found;
      if (ended) throw new Error(`the runner ended without telling ${name}: ${complaint}`);
      await new Promise<void>((resolve) => {
        const before = news;
        news = () => {
          before();
          resolve();
        };
      });
    }
  };
  return { child, told, tells, exited, goAhead: () => void child.send('go ahead') };
}

export interface Effects {
  readonly file: string;
  /** The lines written so far, in order. */
  lines(): Promise<string[]>;
}

/** A file outside the ledger in which effects are counted; gone when the test ends. */
export async function effectsFile(): Promise<Effects> {
  const directory = await mkdtemp(path.join(tmpdir(), 'taskledger-effects-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const file = path.join(directory, 'effects');
  return {
    file,
    lines: async () => (await readFile(file, 'utf8').catch(() => '')).split('\n').filter((line) => line !== ''),
  };
}
