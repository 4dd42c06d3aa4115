import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import type { PreparedQueryable } from '../postgres/queryable.ts';
import { Repeated } from '../repeated.ts';
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
export class Sweeper extends Repeated {
  readonly #options: SweeperOptions;

  constructor(options: SweeperOptions) {
    super(options.clock);
    this.#options = options;
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

  protected override async step(): Promise<number> {
    const { signals, everyMs = 1000 } = this.#options;
    try {
      await this.runOnce();
    } catch (error) {
      const code = errorCodeOf(error);
      signals.emit('service.failed', { service: 'sweep', code, retryInMs: everyMs });
    }
    return everyMs;
  }
}
