import type { Clock } from '../clock.ts';
import { encodePayload } from '../events/payload.ts';
import type { AttemptLog } from '../ledger/attempt-log.ts';
import type { Lease } from '../ledger/claim.ts';
import type { Handler } from '../ledger/define-task.ts';
import type { Outcome } from '../ledger/settle.ts';
import type { Progress } from '../ledger/progress.ts';
import { leavesDoubt } from './attempt-error-codes.ts';
import { attemptErrorJson } from './attempt-error.ts';
import type { Ending, Execution, Report, RunningAttempt, StopReason } from './execute/execution.ts';
import type { Failure, RetryAdvice } from './execute/failure.ts';
import { inlineExecution } from './execute/inline-execution.ts';
import { attemptLog, recordText, type LogRecord } from './execute/log-record.ts';
import { LogTail } from './execute/log-tail.ts';
import { retryDelayMs } from './retry-policy.ts';

/** Timers of Node.js fire at once when they are to wait longer. */
const longestTimerMs = 2 ** 31 - 1;
/** A hundred years: beyond it, a time of the database may not exist, and one outcome would spoil its whole batch. */
const longestRetryInMs = 100 * 365.25 * 86_400_000;

/** How an attempt reports progress to the ledger. */
export type ReportProgress = (attempt: Attempt, progress: Progress) => Promise<void>;

interface AttemptSurroundings {
  /** Of which the lease is; `local` is what a site is called that nobody named. */
  readonly site?: string;
  /** Its handler has logged a line. */
  readonly onLog?: (attempt: Attempt, record: LogRecord) => void;
}

/**
 * One attempt under one lease: a value that is run by an execution and turns how that ended into one outcome. It never
 * throws.
 */
export class Attempt implements RunningAttempt {
  readonly lease: { readonly epoch: number; readonly version: number; readonly site: string };
  readonly claimId: string;
  readonly taskId: string;
  readonly name: string;
  readonly attempt: number;
  readonly checkpoint: unknown;
  readonly startedAtMs: number;
  input: unknown;
  readonly #lease: Lease;
  readonly #clock: Clock;
  readonly #report: ReportProgress;
  readonly #onLog: AttemptSurroundings['onLog'];
  #stop: AbortController | undefined;
  #stoppedFor: StopReason | undefined;
  #timer: NodeJS.Timeout | undefined;
  #log: AttemptLog | undefined;
  #tail: LogTail | undefined;
  #hasEnded = false;

  constructor(lease: Lease, clock: Clock, report: ReportProgress, { site = 'local', onLog }: AttemptSurroundings = {}) {
    this.#lease = lease;
    this.#report = report;
    this.#onLog = onLog;
    this.#clock = clock;
    this.input = lease.submitted.input;
    this.lease = { epoch: lease.epoch, version: lease.version, site };
    this.claimId = lease.claimId;
    this.taskId = lease.taskId;
    this.name = lease.submitted.name;
    this.attempt = lease.attempt;
    this.checkpoint = lease.checkpoint;
    this.startedAtMs = clock.monotonic();
  }

  get runAt(): Date {
    return new Date(this.#lease.runAt);
  }

  /** Made on first use: most small handlers never look at it. */
  get signal(): AbortSignal {
    this.#stop ??= new AbortController();
    if (this.#stoppedFor !== undefined && !this.#stop.signal.aborted) this.#stop.abort(new Error(this.#stoppedFor));
    return this.#stop.signal;
  }

  get stoppedFor(): StopReason | undefined {
    return this.#stoppedFor;
  }

  /** Bound, since handlers take it out of their context. */
  readonly progress = (progress: Progress): Promise<void> => this.#report(this, progress);

  /** Made on first use, as its tail: most small handlers write nothing. */
  get log(): AttemptLog {
    this.#log ??= attemptLog((record) => this.#write(record));
    return this.#log;
  }

  get tail(): LogTail {
    this.#tail ??= new LogTail(this.#clock);
    return this.#tail;
  }

  /** Aborts the handler's signal; the first reason stays. */
  stop(reason: StopReason): void {
    if (this.#stoppedFor !== undefined) return;
    this.#stoppedFor = reason;
    this.#stop?.abort(new Error(reason));
  }

  /** Runs the handler to its outcome. Synchronous when the execution is. */
  run(handler: Handler, random: () => number, execution: Execution = inlineExecution): Outcome | Promise<Outcome> {
    const { timeout_ms: own = Infinity } = this.#lease.submitted;
    // The operator's word, in the manifest of a plugin, is a limit; that of a definition was recorded with the task.
    const { timeoutMs: allowed = Infinity } = handler.plugin === undefined ? {} : handler.definition;
    if (Math.min(own, allowed) < Infinity) this.#stopAfter(Math.min(own, allowed));
    const ending = execution.run(this, handler);
    return ending instanceof Promise ? ending.then((ended) => this.#end(ended, random)) : this.#end(ending, random);
  }

  /** The outcome of an attempt that is given back unfinished. */
  released(reason: string): Outcome {
    return this.#ended('released', encodePayload({ reason }, 'reason'), 0);
  }

  /** The outcome of an attempt that stopped because it was asked to. */
  aborted(): Outcome {
    return this.#ended('aborted', null);
  }

  #stopAfter(ms: number): void {
    const partMs = Math.min(ms, longestTimerMs);
    this.#timer = setTimeout(() => (ms > partMs ? this.#stopAfter(ms - partMs) : this.stop('timeout')), partMs);
    // An attempt that was abandoned must not keep the process.
    this.#timer.unref();
  }

  /** What a handler left running in this process logs nothing any more. */
  #write(record: LogRecord): void {
    if (this.#hasEnded) return;
    this.tail.add('log', recordText(record), record.level);
    this.#onLog?.(this, record);
  }

  #end(ending: Ending, random: () => number): Outcome {
    clearTimeout(this.#timer);
    this.#hasEnded = true;
    // A handler that returns although its time was up has still done its work: what it returned counts.
    const outcome =
      'failure' in ending ? this.#failed(ending.failure, random) : this.#ended('completed', ending.outputJson);
    const report = this.#withTail(ending.report);
    return report === undefined ? outcome : { ...outcome, reportJson: reportJson(report) };
  }

  #withTail(report: Report | undefined): Report | undefined {
    const log_tail = this.#tail?.lines ?? [];
    return log_tail.length === 0 ? report : { ...report, log_tail };
  }

  /**
   * The outcome of an attempt that stops before its handler has said how it went: given back, but for a protected task,
   * which must not start a second time while its effect may have happened.
   */
  unfinished(reason: string): Outcome {
    if (this.#lease.submitted.protected !== true) return this.released(reason);
    return this.#inDoubt(`the attempt was stopped (${reason}) before it ended`);
  }

  #failed({ code, error, advice, told }: Failure, random: () => number): Outcome {
    if (this.#lease.submitted.protected === true) {
      if (this.#stoppedFor !== undefined) return this.unfinished(this.#stoppedFor);
      if (leavesDoubt(code) && told !== true) return this.#inDoubt(`nobody said how the attempt ended (${code})`);
    }
    if (this.#stoppedFor === 'shutdown') return this.released('shutdown');
    if (this.#stoppedFor === 'abort') return this.aborted();
    const isTimeout = code === 'HANDLER_ERROR' && this.#stoppedFor === 'timeout';
    const json = attemptErrorJson(isTimeout ? 'TIMEOUT' : code, error);
    const wait = this.#retryInMs(advice, random);
    return wait === undefined ? this.#ended('failed', json) : this.#ended('retry', json, wait);
  }

  #retryInMs(advice: RetryAdvice, random: () => number): number | undefined {
    if (advice.retry === 'never') return undefined;
    const wait = retryDelayMs(this.#lease.submitted.retry, this.attempt, random);
    if (wait === undefined || !('ms' in advice)) return wait;
    const chosenMs = advice.retry === 'after' ? advice.ms : advice.ms - this.#clock.now();
    return Math.min(Math.max(0, chosenMs), longestRetryInMs);
  }

  #inDoubt(reason: string): Outcome {
    return this.#ended('in_doubt', encodePayload({ reason }, 'reason'));
  }

  #ended(kind: Outcome['kind'], detailJson: string | null, retryInMs?: number): Outcome {
    const endedAtMs = this.#clock.monotonic();
    const outcome = {
      taskId: this.taskId,
      claimId: this.claimId,
      kind,
      detailJson,
      endedAtMs,
      ranMs: endedAtMs - this.startedAtMs,
    };
    return retryInMs === undefined ? outcome : { ...outcome, retryInMs };
  }
}

/** Built by an execution out of bounded parts, so that it can be stored. */
function reportJson(report: Report): string {
  return encodePayload(report, 'the report of the attempt');
}
