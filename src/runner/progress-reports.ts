import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import type { Progress, ProgressAnswer } from '../ledger/progress.ts';
import type { Signals } from '../signals.ts';
import type { Attempt } from './attempt.ts';

interface ProgressOptions {
  readonly clock: Clock;
  readonly signals: Signals;
  /** One call to the ledger. */
  readonly send: (attempt: Attempt, progress: Progress) => Promise<ProgressAnswer>;
}

const everyMs = 250;

/**
 * Throttles progress: the first report goes at once, then the latest each quarter of a second; a checkpoint always goes,
 * and is awaited. What the ledger answers (stop, or the lease is lost) reaches the attempt's signal.
 */
export class ProgressReports {
  readonly #options: ProgressOptions;
  readonly #lastSentMs = new WeakMap<Attempt, number>();
  readonly #waiting = new Map<Attempt, Progress>();

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  async report(attempt: Attempt, progress: Progress): Promise<void> {
    if (progress.checkpoint !== undefined) {
      this.#waiting.delete(attempt);
      await this.#send(attempt, progress);
      return;
    }
    const waitMs =
      (this.#lastSentMs.get(attempt) ?? Number.NEGATIVE_INFINITY) + everyMs - this.#options.clock.monotonic();
    const isWaiting = this.#waiting.has(attempt);
    this.#waiting.set(attempt, progress);
    if (isWaiting) return;
    void this.#options.clock.sleep(Math.max(0, waitMs)).then(() => {
      const latest = this.#waiting.get(attempt);
      this.#waiting.delete(attempt);
      return latest === undefined ? undefined : this.#send(attempt, latest);
    });
  }

  /** An attempt that ended has nothing more to report. */
  forget(attempt: Attempt): void {
    this.#waiting.delete(attempt);
  }

  async #send(attempt: Attempt, progress: Progress): Promise<void> {
    const { clock, signals, send } = this.#options;
    const { taskId, attempt: number } = attempt;
    this.#lastSentMs.set(attempt, clock.monotonic());
    try {
      signals.emit('progress.begun', { taskId, attempt: number, checkpoint: progress.checkpoint !== undefined });
      const answer = await send(attempt, progress);
      signals.emit('progress.answered', { taskId, attempt: number, answer });
      if (answer === 'abort') attempt.stop('abort');
      if (answer === 'lost') attempt.stop('lease lost');
    } catch (error) {
      // Worth a signal, but no failure of the task it reports on.
      const code = errorCodeOf(error);
      signals.emit('service.failed', { service: 'progress', code, retryInMs: everyMs });
    }
  }
}
