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
  /** Nothing is kept in these: they end what they run, and start what late attempts of theirs need. */
  readonly #retired = new Map<string, ChildPool>();

  constructor(place: ChildPlace, clock: Clock) {
    this.#place = place;
    this.#clock = clock;
  }

  of(isolation: PoolLimits, program: SpeakingProgram): ChildPool {
    const key = keyOf(isolation, program);
    const found = this.#pools.get(key) ?? this.#retired.get(key);
    if (found !== undefined) return found;
    const pool = new ChildPool({ program, limits: limitsOf(isolation), place: this.#place, clock: this.#clock });
    this.#pools.set(key, pool);
    return pool;
  }

  /** Keeps nothing warm any more but for these: what waits for attempts of others is ended, what runs one ends with it. */
  retireOthers(kept: readonly (readonly [PoolLimits, SpeakingProgram])[]): void {
    const keys = new Set(kept.map(([isolation, program]) => keyOf(isolation, program)));
    // One that is needed again is made anew.
    for (const key of keys) this.#retired.delete(key);
    for (const [key, pool] of this.#pools) {
      if (keys.has(key)) continue;
      this.#pools.delete(key);
      this.#retired.set(key, pool);
      void pool.stop();
    }
  }

  /** From now on none is kept for later. */
  close(): void {
    for (const pool of this.#all()) pool.close();
  }

  /** Ends what waits in them; resolves when it is gone. */
  async stop(): Promise<void> {
    await Promise.all(this.#all().map((pool) => pool.stop()));
  }

  #all(): ChildPool[] {
    return [...this.#pools.values(), ...this.#retired.values()];
  }
}

function keyOf(isolation: PoolLimits, program: SpeakingProgram): string {
  return `${programKey(program)} ${JSON.stringify(limitsOf(isolation))}`;
}

function limitsOf(given: PoolLimits): Required<PoolLimits> {
  const { warm, maxTasks, maxAgeMs, maxRssMb, idleMs } = { ...poolDefaults, ...given };
  return { warm, maxTasks, maxAgeMs, maxRssMb, idleMs };
}
