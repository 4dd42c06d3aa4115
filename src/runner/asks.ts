import type { Clock } from '../clock.ts';

/** A site that has not answered for that long keeps nobody from asking another one. */
const promptMs = 1000;
const retryAfterFailureMs = [100, 300, 1000, 3000];

/** How a site answers when it is asked for leases: whether to ask it again now, and whether to ask another one. */
export class Asks {
  readonly #clock: Clock;
  #open = 0;
  #lastAtMs = 0;
  #ranDry = false;
  #failures = 0;
  #pausedUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Leases asked for and not answered. */
  get open(): number {
    return this.#open;
  }

  /** Leases were asked for, and nothing came for a second. */
  get unheard(): boolean {
    return this.#open > 0 && this.#clock.monotonic() - this.#lastAtMs > promptMs;
  }

  /** Nothing is to be had now: the last look at everything found less than was asked for, or failed, or is unheard. */
  get inVain(): boolean {
    return this.#ranDry || this.#failures > 0 || this.unheard;
  }

  /** It failed a moment ago. */
  get paused(): boolean {
    return this.#clock.monotonic() < this.#pausedUntilMs;
  }

  /** Returns when, on the monotonic clock. */
  sent(leases: number): number {
    const nowMs = this.#clock.monotonic();
    this.#open += leases;
    if (leases > 0) this.#lastAtMs = nowMs;
    return nowMs;
  }

  over(leases: number): void {
    this.#open -= leases;
  }

  /** @param everywhere whether it was a look at everything: only that tells that there is no more */
  granted(leases: number, asked: number, everywhere: boolean): void {
    if (leases === asked) this.#ranDry = false;
    else if (everywhere) this.#ranDry = true;
  }

  worked(): void {
    this.#failures = 0;
  }

  /** Returns how long to leave it alone, in milliseconds: longer each time. */
  failed(): number {
    const retryInMs = retryAfterFailureMs[Math.min(this.#failures, retryAfterFailureMs.length - 1)] ?? 0;
    this.#failures += 1;
    this.#pausedUntilMs = this.#clock.monotonic() + retryInMs;
    return retryInMs;
  }
}
