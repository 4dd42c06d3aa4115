import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Clock } from '../clock.ts';
import type { Codec } from '../events/codec.ts';
import { armDoorbell } from '../ledger/arm-doorbell.ts';
import type { Handler } from '../ledger/define-task.ts';
import { Sweeper } from '../ledger/sweeper.ts';
import { createPool } from '../postgres/pool.ts';
import type { Signals } from '../signals.ts';
import { Dispatcher } from './dispatcher.ts';
import { Doorbell } from './doorbell.ts';
import { handlersByName } from './handlers-by-name.ts';
import { ledgerCalls } from './ledger-calls.ts';
import { requireProcessHandlers } from './execute/handlers-module.ts';
import { LeaseFences } from './lease-fences.ts';
import { LeaseKeeper, type KeeperNews } from './lease-keeper.ts';
import { requireRunnerOptions, type RunnerOptions } from './runner-options.ts';
import { Verifier } from './verifier.ts';

export type { RunnerOptions };

export interface RunnerSurroundings {
  readonly connectionString: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signals: Signals;
  readonly codec?: Codec | undefined;
}

/**
 * A claim that is not answered within the TTL is worth nothing, and outcomes are sent again; but a batch may take a while
 * on a slow disk, however short the TTL.
 */
const shortestAnswerTimeoutMs = 10_000;

/** After the signal has aborted, an attempt has that long to end before its lease is given back. */
const graceMs = 1000;

/**
 * Leases tasks and runs their handlers in this process until stopped. `start` and `stop` may be called in any order and
 * more than once; `stop` stops claiming, lets running attempts finish for `drainMs`, then aborts their signals, gives
 * their leases back and resolves.
 */
export class Runner {
  readonly name: string;
  readonly #options: RunnerOptions;
  readonly #around: RunnerSurroundings;
  readonly #handlers: ReadonlyMap<string, Handler>;
  #parts: RunningParts | undefined;
  #stopping: Promise<void> | undefined;
  #checked: Promise<void> | undefined;
  /** Of `start` and `stop`: the last call is the one that counts. */
  #calls = 0;

  constructor(options: RunnerOptions, around: RunnerSurroundings) {
    requireRunnerOptions(options);
    this.#options = options;
    this.#around = around;
    this.#handlers = handlersByName(options.handlers);
    this.name = options.name ?? `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
  }

  /**
   * Begins to claim. Resolves once everything is set up; a database that is away is waited for.
   * @throws LedgerError TASKLEDGER_HANDLERS_INVALID when a handler with isolation `process` is not where it says
   */
  async start(): Promise<void> {
    if (this.#parts !== undefined) return;
    const call = (this.#calls += 1);
    if (this.#options.handlers.some(({ isolation }) => isolation !== undefined)) {
      await (this.#checked ??= requireProcessHandlers(this.#options.handlers));
      if (call !== this.#calls) return;
    }
    const parts = this.#assemble();
    this.#parts = parts;
    parts.keeper.start();
    parts.doorbell.start();
    parts.sweeper.start();
    parts.verifier.start();
    parts.dispatcher.resume();
    const { concurrency = 10 } = this.#options;
    this.#around.signals.emit('runner.started', { runner: this.name, names: [...this.#handlers.keys()], concurrency });
  }

  /** Looks for tasks now instead of at the next poll. */
  look(): void {
    this.#parts?.dispatcher.look();
  }

  /** @param drainMs how long running attempts may take to finish; default as in the options */
  stop(drainMs?: number): Promise<void> {
    this.#calls += 1;
    const parts = this.#parts;
    if (parts === undefined) return this.#stopping ?? Promise.resolve();
    this.#parts = undefined;
    this.#stopping = this.#windDown(parts, drainMs ?? this.#options.drainMs ?? 10_000);
    return this.#stopping;
  }

  /** Does not wait any longer for attempts that still run: their signals abort and their leases are given back. */
  hurry(): void {
    this.#hurry.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  readonly #hurry = new AbortController();

  async #windDown(
    { dispatcher, doorbell, keeper, sweeper, verifier, pool, poll, fence }: RunningParts,
    drainMs: number,
  ): Promise<void> {
    const { signals } = this.#around;
    clearInterval(poll);
    await doorbell.stop();
    signals.emit('runner.draining', { runner: this.name, running: dispatcher.attempts.inHand, deadlineMs: drainMs });
    dispatcher.drain('shutdown');
    // A question can be put again, by any other runner: it is not waited for.
    const verifierStopped = verifier.stop();
    const hurried = new Promise<boolean>((resolve) => {
      if (this.#hurry.signal.aborted) resolve(false);
      this.#hurry.signal.addEventListener('abort', () => resolve(false), { once: true });
    });
    let released = 0;
    if (!(await Promise.race([dispatcher.quiet(drainMs), hurried]))) {
      dispatcher.attempts.stopAll('shutdown');
      await dispatcher.quiet(graceMs);
      // A process has a grace of its own, and is ended after it; a second signal ends it now.
      await Promise.race([dispatcher.quiet(dispatcher.attempts.longestStopMs), hurried]);
      await dispatcher.attempts.kill();
      released = dispatcher.attempts.abandon('shutdown');
      dispatcher.flush();
      await dispatcher.quiet(graceMs);
    }
    dispatcher.close();
    await dispatcher.attempts.stop();
    clearInterval(fence);
    await keeper.stop();
    await sweeper.stop();
    await verifierStopped;
    await pool.end();
    signals.emit('runner.stopped', { runner: this.name, released });
  }

  #assemble(): RunningParts {
    const { connectionString, clock, random, signals, codec } = this.#around;
    const {
      concurrency = 10,
      connections = 3,
      maxBatch = 500,
      leaseTtlMs: ttlMs = 15_000,
      pollMs = 250,
      queues,
    } = this.#options;
    const application = `taskledger run ${this.name}`.slice(0, 63);
    const pool = this.#makePool(connections, application, ttlMs);
    const fences = new LeaseFences(ttlMs, (claimId) => {
      const { running, waiting } = dispatcher.attempts.lose(claimId);
      dispatcher.forget(claimId, waiting);
      if (running + waiting > 0) signals.emit('claim.lost', { runner: this.name, claimId, tasks: running + waiting });
    });
    const keeper = new LeaseKeeper({
      connectionString,
      ttlMs,
      applicationName: `${application} leases`.slice(0, 63),
      onNews: (news) => this.#onNews(news, fences),
    });
    const doorbell = this.#makeDoorbell(pool, application, () => dispatcher);
    const dispatcher: Dispatcher = new Dispatcher({
      runner: this.name,
      host: hostname(),
      handlers: this.#handlers,
      queues,
      concurrency,
      maxBatch,
      connections,
      prefetch: this.#options.prefetch ?? true,
      ttlMs,
      clock,
      random,
      signals,
      codec,
      ...ledgerCalls(pool).dispatcher,
      onClaim: (claim, sentAtMs) => {
        fences.hold(claim.claimId, sentAtMs);
        keeper.hold(claim);
      },
      onClaimDone: (claimId) => {
        fences.drop(claimId);
        keeper.drop(claimId);
      },
      onAnswer: (idle) => doorbell.heard(idle),
    });
    const poll = setInterval(() => dispatcher.look(), pollMs);
    const fence = setInterval(
      () => {
        // A handler may have blocked the event loop: what was renewed meanwhile is heard before anything is judged lost.
        keeper.hear();
        fences.check();
      },
      Math.max(50, ttlMs / 20),
    );
    const sweeper = new Sweeper({ db: pool, clock, signals });
    return { pool, sweeper, verifier: this.#makeVerifier(pool), keeper, doorbell, dispatcher, poll, fence };
  }

  #makeVerifier(pool: Pool): Verifier {
    return new Verifier({
      ...this.#around,
      runner: this.name,
      handlers: this.#handlers,
      timeoutMs: this.#options.verifyTimeoutMs ?? 30_000,
      ...ledgerCalls(pool).verifier,
    });
  }

  #makePool(max: number, applicationName: string, ttlMs: number): Pool {
    const { connectionString } = this.#around;
    const answerTimeoutMs = Math.max(shortestAnswerTimeoutMs, ttlMs);
    return createPool({ connectionString, max, applicationName, answerTimeoutMs });
  }

  #makeDoorbell(pool: Pool, application: string, dispatcher: () => Dispatcher): Doorbell {
    const { connectionString, clock, signals } = this.#around;
    return new Doorbell({
      connectionString,
      applicationName: `${application} doorbell`.slice(0, 63),
      names: new Set(this.#handlers.keys()),
      clock,
      signals,
      arm: (forMs) => armDoorbell(pool, [...this.#handlers.keys()], forMs),
      onRing: () => dispatcher().ring(),
      onAbort: (taskId) => {
        dispatcher().attempts.abort(taskId);
        dispatcher().look();
      },
    });
  }

  #onNews(news: KeeperNews, fences: LeaseFences): void {
    const { signals } = this.#around;
    if (news.kind === 'renewed') {
      fences.renewed(news.claimIds, news.sentAtMs);
      signals.emit('claim.renewed', { runner: this.name, claims: news.claimIds.length });
    } else if (news.kind === 'lost') {
      for (const claimId of news.claimIds) fences.lose(claimId);
    } else {
      signals.emit('connection.lost', { purpose: 'lease keeping', reason: news.reason });
    }
  }
}

type Pool = ReturnType<typeof createPool>;

interface RunningParts {
  readonly pool: Pool;
  readonly sweeper: Sweeper;
  readonly verifier: Verifier;
  readonly keeper: LeaseKeeper;
  readonly doorbell: Doorbell;
  readonly dispatcher: Dispatcher;
  readonly poll: NodeJS.Timeout;
  readonly fence: NodeJS.Timeout;
}
