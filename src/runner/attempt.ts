import type { Clock } from '../clock.ts';
import { encodePayload } from '../events/payload.ts';
import type { Lease } from '../ledger/claim.ts';
import type { Handler, HandlerContext } from '../ledger/define-task.ts';
import type { Outcome } from '../ledger/settle.ts';
import type { Progress } from '../ledger/progress.ts';
import { checkedBySchema } from '../ledger/standard-schema.ts';
import { attemptErrorJson, type AttemptErrorCode } from './attempt-error.ts';
import { FatalError, RetryAfter, RetryAt } from './retry-errors.ts';
import { retryDelayMs } from './retry-policy.ts';

/** Why the runner tells an attempt to stop. */
export type StopReason = 'abort' | 'timeout' | 'lease lost' | 'shutdown';

/** Timers of Node.js fire at once when they are to wait longer. */
const longestTimerMs = 2 ** 31 - 1;
/** A hundred years: beyond it, a time of the database may not exist, and one outcome would spoil its whole batch. */
const longestRetryInMs = 100 * 365.25 * 86_400_000;

/** How an attempt reports progress to the ledger. */
export type ReportProgress = (attempt: Attempt, progress: Progress) => Promise<void>;

/**
 * One attempt under one lease: a value that goes through named steps (check the input, run the handler, check the output)
 * to one outcome. It never throws.
 */
export class Attempt implements HandlerContext<unknown> {
  readonly lease: { readonly epoch: number; readonly version: number };
  readonly claimId: string;
  readonly taskId: string;
  readonly name: string;
  readonly attempt: number;
  readonly checkpoint: unknown;
  readonly startedAtMs: number;
  readonly #lease: Lease;
  readonly #clock: Clock;
  readonly #report: ReportProgress;
  #input: unknown;
  #stop: AbortController | undefined;
  #stoppedFor: StopReason | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(lease: Lease, clock: Clock, report: ReportProgress) {
    this.#lease = lease;
    this.#report = report;
    this.#clock = clock;
    this.#input = lease.submitted.input;
    this.lease = { epoch: lease.epoch, version: lease.version };
    this.claimId = lease.claimId;
    this.taskId = lease.taskId;
    this.name = lease.submitted.name;
    this.attempt = lease.attempt;
    this.checkpoint = lease.checkpoint;
    this.startedAtMs = clock.monotonic();
  }

  get input(): unknown {
    return this.#input;
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

  /** Aborts the handler's signal; the first reason stays. */
  stop(reason: StopReason): void {
    if (this.#stoppedFor !== undefined) return;
    this.#stoppedFor = reason;
    this.#stop?.abort(new Error(reason));
  }

  /** Runs the handler. Synchronous when everything in it is, so that a batch of small tasks costs no turn of the loop each. */
  run(handler: Handler, random: () => number): Outcome | Promise<Outcome> {
    const { timeout_ms } = this.#lease.submitted;
    if (timeout_ms !== undefined) this.#stopAfter(timeout_ms);
    const finish = (outcome: Outcome): Outcome => {
      clearTimeout(this.#timer);
      return outcome;
    };
    try {
      const result = handler.definition.input === undefined ? handler.run(this) : this.#checkAndRun(handler);
      if (!isThenable(result) && handler.definition.output === undefined) return finish(this.#completed(result));
      return Promise.resolve(result)
        .then((output) => this.#checkOutput(handler, output))
        .then((output) => this.#completed(output))
        .catch((error: unknown) => this.#failed(error, handler, random))
        .then(finish);
    } catch (error) {
      return finish(this.#failed(error, handler, random));
    }
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

  async #checkAndRun(handler: Handler): Promise<unknown> {
    try {
      this.#input = await checkedBySchema(handler.definition.input, this.#input, `the input of ${this.name}`);
    } catch (error) {
      throw new AttemptFailure('INVALID_INPUT', error);
    }
    return handler.run(this);
  }

  async #checkOutput(handler: Handler, output: unknown): Promise<unknown> {
    if (handler.definition.output === undefined) return output;
    try {
      return await checkedBySchema(handler.definition.output, output, `the output of ${this.name}`);
    } catch (error) {
      throw new AttemptFailure('INVALID_OUTPUT', error);
    }
  }

  #completed(output: unknown): Outcome {
    // A handler that returns although its time was up has still done its work: what it returned counts.
    if (output === undefined) return this.#ended('completed', null);
    let json: string;
    try {
      json = encodePayload(output, `the output of ${this.name}`);
    } catch (error) {
      throw new AttemptFailure('INVALID_OUTPUT', error);
    }
    return this.#ended('completed', json);
  }

  /**
   * The outcome of an attempt that stops before its handler has said how it went: given back, but for a protected task,
   * which must not start a second time while its effect may have happened.
   */
  unfinished(reason: string): Outcome {
    if (this.#lease.submitted.protected !== true) return this.released(reason);
    return this.#ended(
      'in_doubt',
      encodePayload({ reason: `the attempt was stopped (${reason}) before it ended` }, 'reason'),
    );
  }

  #failed(error: unknown, handler: Handler, random: () => number): Outcome {
    if (this.#stoppedFor !== undefined && this.#lease.submitted.protected === true)
      return this.unfinished(this.#stoppedFor);
    if (this.#stoppedFor === 'shutdown') return this.released('shutdown');
    if (this.#stoppedFor === 'abort') return this.aborted();
    const cause = error instanceof AttemptFailure ? error.reason : error;
    const code = this.#codeOf(error);
    const json = attemptErrorJson(code, cause);
    const wait = this.#retryInMs(code, cause, handler, random);
    return wait === undefined ? this.#ended('failed', json) : this.#ended('retry', json, wait);
  }

  #codeOf(error: unknown): AttemptErrorCode {
    if (error instanceof AttemptFailure) return error.code;
    return this.#stoppedFor === 'timeout' ? 'TIMEOUT' : 'HANDLER_ERROR';
  }

  #retryInMs(code: AttemptErrorCode, cause: unknown, handler: Handler, random: () => number): number | undefined {
    if (code === 'INVALID_INPUT' || cause instanceof FatalError || !isRetryable(handler, cause)) return undefined;
    const wait = retryDelayMs(this.#lease.submitted.retry, this.attempt, random);
    if (wait === undefined) return undefined;
    if (cause instanceof RetryAfter) return Math.min(cause.delayMs, longestRetryInMs);
    if (cause instanceof RetryAt) {
      return Math.min(Math.max(0, cause.at.getTime() - this.#clock.now()), longestRetryInMs);
    }
    return wait;
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

/** Carries the code of a failure that is not the handler's own throw. */
class AttemptFailure extends Error {
  readonly code: AttemptErrorCode;
  readonly reason: unknown;

  constructor(code: AttemptErrorCode, reason: unknown) {
    super(code);
    this.code = code;
    this.reason = reason;
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

function isRetryable(handler: Handler, error: unknown): boolean {
  const { retryable } = handler.definition;
  if (retryable === undefined) return true;
  try {
    return retryable(error);
  } catch {
    // A policy that throws must not lose the failure it was asked about.
    return true;
  }
}
