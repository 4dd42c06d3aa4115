import type { Clock } from '../../clock.ts';
import { poolDefaults, type PoolLimits } from '../../ledger/isolation.ts';
import type { ChildPlace } from './child-place.ts';
import { ChildPool } from './child-pool.ts';
import { programKey, type SpeakingProgram } from './child-program.ts';

/** The pools of a runner: one for each program and its limits, whichever handlers are run by it. */
export class ChildPools {
  readonly #place: ChildPlace;
  readonly #clock: Clock;
  readonly #pools = new Map<string, ChildPool>();

  constructor(place: ChildPlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
  }

  of(isolation: PoolLimits, program: SpeakingProgram): ChildPool {
    const limits = limitsOf(isolation);
    const key = `${programKey(program)} ${JSON.stringify(limits)}`;
    const found = this.#pools.get(key);
    if (found !== undefined) return found;
    const pool = new ChildPool({ program, limits, place: this.#place, clock: this.#clock });
    this.#pools.set(key, pool);
    return pool;
  }

  /** From now on none is kept for later. */
  close(): void {
    for (const pool of this.#pools.values()) pool.close();
  }

  /** Ends what waits in them; resolves when it is gone. */
  async stop(): Promise<void> {
    await Promise.all([...this.#pools.values()].map((pool) => pool.stop()));
  }
}

function limitsOf(given: PoolLimits): Required<PoolLimits> {
  const { warm, maxTasks, maxAgeMs, maxRssMb, idleMs } = { ...poolDefaults, ...given };
  return { warm, maxTasks, maxAgeMs, maxRssMb, idleMs };
}
