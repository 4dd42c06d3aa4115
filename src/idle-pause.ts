/** What finds nothing may take one part in so many of the time. */
const idleShare = 20;

/**
 * How long to wait after work that is done again and again, and reads what ended tasks have left in the tables: beside an old
 * transaction that is all that ended since it began. Where it takes long and finds nothing, it is done less often.
 */
export class IdlePause {
  readonly #shortestMs: number;
  #idleTookMs = 0;
  #ms: number;

  constructor(shortestMs: number) {
    this.#shortestMs = shortestMs;
    this.#ms = shortestMs;
  }

  /** Until the next time, milliseconds. */
  get ms(): number {
    return this.#ms;
  }

  /** It took so long. By the shorter of the last two that found nothing: one may have waited for a disk. */
  learn(tookMs: number, found: boolean): void {
    const idleTookMs = found ? 0 : tookMs;
    this.#ms = Math.max(this.#shortestMs, idleShare * Math.min(idleTookMs, this.#idleTookMs));
    this.#idleTookMs = idleTookMs;
  }

  /** It failed: the next time comes soon. */
  reset(): void {
    this.#ms = this.#shortestMs;
  }
}
