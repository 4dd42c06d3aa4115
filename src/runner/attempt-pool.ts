import type { Clock } from '../clock.ts';
import type { Codec } from '../events/codec.ts';
import type { ChildLimits } from '../ledger/child-limits.ts';
import type { Lease } from '../ledger/claim.ts';
import type { Handler } from '../ledger/define-task.ts';
import type { Progress, ProgressAnswer } from '../ledger/progress.ts';
import type { LogAnswer } from '../ledger/report-log.ts';
import type { Outcome } from '../ledger/settle.ts';
import type { Signals } from '../signals.ts';
import { Attempt, type ReportProgress } from './attempt.ts';
import type { LeaseInHand } from './dispatcher-options.ts';
import type { StopReason } from './execute/execution.ts';
import { Executions } from './execute/executions.ts';
import type { LogRecord } from './execute/log-record.ts';
import type { LogLines } from './execute/log-tail.ts';
import { LeaseQueue } from './lease-queue.ts';
import { LogRelays } from './log-relays.ts';
import type { Places } from './places.ts';
import { ProgressReports } from './progress-reports.ts';

interface AttemptPoolOptions {
  readonly places: Places;
  /** Of which the leases are. */
  readonly site: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signals: Signals;
  readonly codec?: Codec | undefined;
  /** Of a claim whose leases are not all settled or lost. */
  readonly secretOf: (claimId: string) => string | undefined;
  readonly reportProgress: (lease: LeaseInHand, progress: Progress) => Promise<ProgressAnswer>;
  readonly reportLog: (lease: LeaseInHand, log: LogLines) => Promise<LogAnswer>;
  /** What attempts in child processes are held to, whatever their handlers say. */
  readonly caps?: ChildLimits | undefined;
  /** Every lease that was added ends in exactly one outcome, or in `lose`. */
  readonly onOutcome: (outcome: Outcome) => void;
  /** An attempt that took a turn of the event loop has ended. */
  readonly onPlaceFree: () => void;
}

/** A lease that has not begun, and what its task was offered to be run by. */
interface Waiting {
  readonly lease: Lease;
  readonly handler: Handler | undefined;
}

/** Leases in hand: a few running, the others waiting for a place. Turns each into one outcome. */
export class AttemptPool {
  readonly #options: AttemptPoolOptions;
  readonly #waiting = new LeaseQueue<Waiting>();
  readonly #running = new Set<Attempt>();
  readonly #progress: ProgressReports;
  readonly #executions: Executions;
  readonly #relays: LogRelays;

  constructor(options: AttemptPoolOptions) {
    this.#options = options;
    this.#executions = new Executions(options.clock, options.codec, { caps: options.caps });
    this.#progress = new ProgressReports({
      clock: options.clock,
      signals: options.signals,
      send: async (attempt, progress) => {
        if (!this.#running.has(attempt)) return 'noted';
        const lease = this.#leaseOf(attempt);
        return lease === undefined ? 'lost' : await options.reportProgress(lease, progress);
      },
    });
    this.#relays = new LogRelays({
      clock: options.clock,
      signals: options.signals,
      send: async (attempt, log) => {
        const lease = this.#leaseOf(attempt);
        return lease === undefined ? 'lost' : await options.reportLog(lease, log);
      },
    });
  }

  /** Leases that have no outcome yet. */
  get inHand(): number {
    return this.#waiting.size + this.#running.size;
  }

  /** Those of them that have not begun. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** @param handlerOf what each of them was offered to be run by */
  add(leases: readonly Lease[], handlerOf: (lease: Lease) => Handler | undefined): void {
    this.#waiting.push(leases.map((lease) => ({ lease, handler: handlerOf(lease) })));
  }

  /** Starts attempts while there are places and leases. */
  fill(): void {
    while (this.#options.places.anyFree) {
      const waiting = this.#waiting.take();
      if (waiting === undefined) return;
      this.#start(waiting);
    }
  }

  /** Starts the processes that are to wait for attempts. */
  prestart(handlers: Iterable<Handler>): void {
    this.#executions.prestart(handlers);
  }

  /** Processes that wait for attempts of others than these are ended; those that run one, after it. */
  retireOthers(handlers: Iterable<Handler>): void {
    this.#executions.retireOthers(handlers);
  }

  /** Gives back, unbegun, whatever waits. */
  releaseWaiting(reason: string): void {
    this.releaseUnbegun(
      this.#waiting.takeWhere(() => true).map(({ lease }) => lease),
      reason,
    );
  }

  /** Gives back leases that never came to wait here, or do not any more. */
  releaseUnbegun(leases: readonly Lease[], reason: string): void {
    for (const lease of leases) this.#options.onOutcome(this.#attempt(lease).released(reason));
  }

  /** Gives back what still runs (a protected task becomes in doubt); its late result is dropped here. Returns how many attempts that were. */
  abandon(reason: string): number {
    const left = [...this.#running];
    this.#running.clear();
    this.#options.places.giveBack(left.length);
    for (const attempt of left) this.#options.onOutcome(attempt.unfinished(reason));
    return left.length;
  }

  /** How long attempts may take to end once their signals have aborted, at most; 0 when nothing can end them. */
  get longestStopMs(): number {
    return this.#executions.longestStopMs;
  }

  /** Ends the processes of all attempts at once; resolves when they are gone and their outcomes are known. */
  async kill(): Promise<void> {
    await this.#executions.kill();
    // Their endings become outcomes in this turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Gives back what executions hold; nothing runs any more. */
  async stop(): Promise<void> {
    this.#relays.close();
    await this.#executions.stop();
  }

  /** Aborts the signals of all running attempts. */
  stopAll(reason: StopReason): void {
    for (const attempt of this.#running) attempt.stop(reason);
  }

  /** Somebody asked for this task to be aborted: tells it to stop, or ends it here if it has not begun. */
  abort(taskId: string): void {
    for (const attempt of this.#running) if (attempt.taskId === taskId) attempt.stop('abort');
    for (const { lease } of this.#waiting.takeWhere((waiting) => waiting.lease.taskId === taskId)) {
      this.#options.onOutcome(this.#attempt(lease).aborted());
    }
  }

  /** Somebody watches this task: if it runs here, its log is sent. */
  watched(taskId: string, how: { readonly isNew: boolean }): void {
    for (const attempt of this.#running) if (attempt.taskId === taskId) this.#relays.asked(attempt, how);
  }

  /**
   * The claim is lost: its attempts are told to stop, and what has not begun never begins here. Returns the affected
   * counts; running ones still end in an outcome, which the ledger then refuses and keeps as evidence. A protected task that
   * has not begun is given back: it would be in doubt for nothing, and where that comes too late, history says so.
   */
  lose(claimId: string): { readonly running: number; readonly waiting: number; readonly released: number } {
    const running = [...this.#running].filter((attempt) => attempt.claimId === claimId);
    for (const attempt of running) attempt.stop('lease lost');
    const waiting = this.#waiting.takeWhere(({ lease }) => lease.claimId === claimId).map(({ lease }) => lease);
    const released = waiting.filter(({ submitted }) => submitted.protected === true);
    this.releaseUnbegun(released, 'its lease was lost before it began');
    return { running: running.length, waiting: waiting.length - released.length, released: released.length };
  }

  #leaseOf({ claimId, taskId }: Attempt): LeaseInHand | undefined {
    const secret = this.#options.secretOf(claimId);
    return secret === undefined ? undefined : { claimId, secret, taskId };
  }

  #attempt(lease: Lease): Attempt {
    const { clock, site } = this.#options;
    const report: ReportProgress = (attempt, progress) => this.#progress.report(attempt, progress);
    return new Attempt(lease, clock, report, { site, onLog: (attempt, record) => this.#logged(attempt, record) });
  }

  #logged({ taskId, name, attempt }: Attempt, record: LogRecord): void {
    this.#options.signals.emit('attempt.logged', { taskId, name, attempt, ...record });
  }

  #start({ lease, handler }: Waiting): void {
    const { clock, signals, random, places } = this.#options;
    const attempt = this.#attempt(lease);
    if (signals.active) {
      const waitedMs = Math.max(0, clock.now() - Date.parse(lease.runAt));
      signals.emit('attempt.started', { taskId: lease.taskId, name: attempt.name, attempt: attempt.attempt, waitedMs });
    }
    if (handler === undefined) {
      this.#finish(attempt, attempt.released(`this runner has no handler for ${attempt.name}`));
      return;
    }
    this.#running.add(attempt);
    places.take();
    const outcome = attempt.run(handler, random, this.#executions.of(handler));
    if (!(outcome instanceof Promise)) {
      this.#running.delete(attempt);
      places.giveBack();
      this.#finish(attempt, outcome);
      return;
    }
    void outcome.then((ended) => {
      // Not there any more when it was abandoned: its outcome has been decided.
      if (this.#running.delete(attempt)) {
        places.giveBack();
        this.#finish(attempt, ended);
      }
      this.#options.onPlaceFree();
    });
  }

  #finish(attempt: Attempt, outcome: Outcome): void {
    const { signals, onOutcome } = this.#options;
    this.#progress.forget(attempt);
    this.#relays.forget(attempt);
    onOutcome(outcome);
    if (!signals.active) return;
    const { taskId, name } = attempt;
    const kind = outcome.kind === 'retry' ? 'failed' : outcome.kind;
    signals.emit('attempt.ended', { taskId, name, attempt: attempt.attempt, outcome: kind, durationMs: outcome.ranMs });
  }
}
