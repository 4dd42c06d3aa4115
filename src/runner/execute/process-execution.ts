import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Clock } from '../../clock.ts';
import type { Handler } from '../../ledger/define-task.ts';
import type { ProcessIsolation } from '../../ledger/isolation.ts';
import { AttemptProcess } from './attempt-process.ts';
import { checkInput } from './call-handler.ts';
import { childFailure } from './child-ending.ts';
import type { Ending, Execution, RunningAttempt } from './execution.ts';
import { failureOf } from './failure.ts';
import { Guard } from './guard.ts';
import { findsTaskledger } from './offer-taskledger.ts';

/** What all attempts of this execution share. */
interface Place {
  /** Holds the directories of the attempts. */
  readonly directory: string;
  readonly guard: Guard;
}

/** A fresh Node process for each attempt. Made for long tasks: a start costs some 40 ms and as many megabytes. */
export class ProcessExecution implements Execution {
  readonly #clock: Clock;
  readonly #mark = randomUUID();
  readonly #running = new Set<AttemptProcess>();
  readonly #endings = new Set<Promise<Ending>>();
  readonly #offers = new Map<string, boolean>();
  #place: Place | undefined;
  #stopped = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get longestStopMs(): number {
    return Math.max(0, ...[...this.#running].map(({ stopMs }) => stopMs));
  }

  async run(attempt: RunningAttempt, handler: Handler): Promise<Ending> {
    try {
      // What the schema makes of it need not be JSON: the child checks again, and gives that to the handler.
      await checkInput(handler, attempt.input);
    } catch (error) {
      return { failure: failureOf(error, handler) };
    }
    const ending = this.#runChild(attempt, handler).catch((error: unknown) => ({
      failure: childFailure('RUNNER_FAULT', 'the runner failed while the attempt ran', handler, error),
    }));
    this.#endings.add(ending);
    const ended = await ending;
    this.#endings.delete(ending);
    return ended;
  }

  /** Ends every child with SIGKILL; resolves when all of them are gone and their attempts have their endings. */
  async kill(): Promise<void> {
    for (const child of this.#running) child.kill();
    await Promise.all(this.#endings);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.kill();
    await this.#place?.guard.stop();
    this.#place = undefined;
  }

  async #runChild(attempt: RunningAttempt, handler: Handler): Promise<Ending> {
    const isolation = handler.isolation;
    if (isolation === undefined) throw new Error('expected a handler to be run in a process');
    let begun: { readonly child: AttemptProcess; readonly guard: Guard; readonly directory: string };
    try {
      begun = await this.#begin(attempt, handler, isolation);
    } catch (error) {
      return { failure: childFailure('CHILD_SPAWN_FAILED', 'the child process could not be started', handler, error) };
    }
    const { child, guard, directory } = begun;
    this.#running.add(child);
    // It was being started when everything was ended.
    if (this.#stopped) child.kill();
    try {
      return await child.ending();
    } finally {
      this.#running.delete(child);
      guard.drop(child.pid);
      // Should it fail, the directory goes with that of all attempts, when the runner stops.
      await rm(directory, { recursive: true, force: true }).catch(() => undefined);
    }
  }

  async #begin(
    attempt: RunningAttempt,
    handler: Handler,
    isolation: ProcessIsolation,
  ): Promise<{ child: AttemptProcess; guard: Guard; directory: string }> {
    const { guard, directory: parent } = (this.#place ??= this.#takePlace());
    const directory = await mkdtemp(path.join(parent, 'attempt-'));
    try {
      const mark = `${this.#mark}.${randomUUID()}`;
      const offer = this.#needsOffer(isolation.module);
      const clock = this.#clock;
      const child = await AttemptProcess.start({ attempt, handler, isolation, directory, mark, offer, clock });
      guard.hold(child.pid);
      return { child, guard, directory };
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** `mkdtemp` makes it for this user alone. */
  #takePlace(): Place {
    const directory = mkdtempSync(path.join(tmpdir(), 'taskledger-runner-'));
    return { directory, guard: new Guard(this.#mark, directory) };
  }

  #needsOffer(module: string): boolean {
    const known = this.#offers.get(module) ?? !findsTaskledger(module);
    this.#offers.set(module, known);
    return known;
  }
}
