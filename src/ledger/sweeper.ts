import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import type { PreparedQueryable } from '../postgres/queryable.ts';
import type { Signals } from '../signals.ts';
import { sweepOnce, type Swept } from './sweep.ts';

interface SweeperOptions {
  readonly db: PreparedQueryable;
  readonly clock: Clock;
  readonly signals: Signals;
  /** Default 1000. */
  readonly everyMs?: number;
}

const maxTasks = 500;

/**
 * Sweeps every second: every runner and daemon of a site does, so that one that is left alive is enough. Sweeps of several
 * processes do not wait for one another.
 */
export class Sweeper {
  readonly #options: SweeperOptions;
  #stopping: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: SweeperOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = new AbortController();
    this.#running = this.#loop(this.#stopping.signal);
  }

  async stop(): Promise<void> {
    this.#stopping?.abort();
    this.#stopping = undefined;
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** One sweep, to its end. @throws whatever pg throws */
  async runOnce(): Promise<Swept> {
    const { db, clock, signals } = this.#options;
    const startedAt = clock.monotonic();
    const total = { expired: 0, missed: 0, overdue: 0 };
    for (;;) {
      signals.emit('sweep.begun', { maxTasks });
      const swept = await sweepOnce(db, maxTasks);
      total.expired += swept.expired;
      total.missed += swept.missed;
      total.overdue += swept.overdue;
      if (swept.expired + swept.missed + swept.overdue < maxTasks) break;
    }
    signals.emit('sweep.done', { ...total, durationMs: clock.monotonic() - startedAt });
    return total;
  }

  async #loop(stopped: AbortSignal): Promise<void> {
    const { clock, signals, everyMs = 1000 } = this.#options;
    while (!stopped.aborted) {
      try {
        await this.runOnce();
      } catch (error) {
        const code = errorCodeOf(error);
        signals.emit('service.failed', { service: 'sweep', code, retryInMs: everyMs });
      }
      await clock.sleep(everyMs, stopped);
    }
  }
}
