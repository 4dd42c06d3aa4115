/** Time comes in by parameter. Leases are judged by the database's clock; this one only measures waits and durations. */
export interface Clock {
  /** Wall-clock milliseconds since the Unix epoch; may jump. */
  now(): number;
  /** Milliseconds on a clock that never jumps; only differences mean anything. */
  monotonic(): number;
  /** Resolves after `ms` milliseconds, or at once when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Timers fire at once when they are to wait longer, for ever included. */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted === true) {
        resolve();
        return;
      }
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      let timer: NodeJS.Timeout;
      const wait = (leftMs: number): void => {
        const partMs = Math.min(leftMs, longestTimerMs);
        timer = setTimeout(() => (leftMs > partMs ? wait(leftMs - partMs) : done()), partMs);
      };
      wait(ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};

/**
 * Resolves when `done` has, or after `ms` milliseconds; no timer is left behind.
 * @throws what `done` rejects with until then
 */
export async function waitAtMost(ms: number, done: Promise<unknown>, clock: Clock): Promise<void> {
  const over = new AbortController();
  try {
    await Promise.race([done, clock.sleep(ms, over.signal)]);
  } finally {
    over.abort();
  }
}
