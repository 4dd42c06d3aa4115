import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import { IdlePause } from '../idle-pause.ts';
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
 * processes do not wait for one another. Less often where sweeps take long and find nothing: they read the claims in force,
 * and with them all that ended since an old transaction began.
 */
export class Sweeper extends Repeated {
  readonly name = 'sweep';
  readonly #options: SweeperOptions;
  readonly #pause: IdlePause;

  constructor(options: SweeperOptions) {
    super(options.clock);
    this.#options = options;
    this.#pause = new IdlePause(options.everyMs ?? 1000);
  }

  /** Pause until the next sweep, milliseconds. */
  get everyMs(): number {
    return this.#pause.ms;
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
    const durationMs = clock.monotonic() - startedAt;
    signals.emit('sweep.done', { ...total, durationMs });
    this.#pause.learn(durationMs, total.expired + total.missed + total.overdue > 0);
    return total;
  }

  protected override async step(): Promise<number> {
    try {
      await this.runOnce();
    } catch (error) {
      this.#pause.reset();
      const failed = { service: this.name, code: errorCodeOf(error), retryInMs: this.everyMs };
      this.#options.signals.emit('service.failed', failed);
    }
    return this.everyMs;
  }
}
