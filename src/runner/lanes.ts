import type { Clock } from '../clock.ts';
import type { Lane, Lease } from '../ledger/claim.ts';

const minWiderLookMs = 1000;
/** A look at everything may take one part in 20 of the time. */
const widerLookShare = 20;
const maxKnown = 1000;

type KnownLane = Omit<Lane, 'lanes_left'>;

/**
 * Remembers where in each lane to go on, so that claims do not walk over the dead entries an old snapshot keeps
 * (measured: claim(1) 0.8 ms against 27 ms behind 200 000 of them). A low-water mark hides rows that commit late and
 * lanes that are new, so every now and then, and whenever the known lanes have run dry, everything is looked at.
 */
export class Lanes {
  readonly #known = new Map<string, KnownLane>();
  readonly #clock: Clock;
  readonly #random: () => number;
  #widerLookAt = Number.NEGATIVE_INFINITY;
  #widerLookTookMs = 0;
  #lastWiderLookMs = 0;
  #dry = true;

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /**
   * The lanes to claim from now, highest priority first; undefined means look everywhere.
   * @param rang a task was just submitted: probably in a lane we know, and looking there is twice as quick
   */
  next(rang: boolean): readonly Lane[] | undefined {
    if (this.widerLookInMs() <= 0 && !(rang && this.#known.size > 0)) return undefined;
    return this.#inOrder();
  }

  /** How long until everything may be looked at again, in milliseconds; 0 or less when it may be now. */
  widerLookInMs(): number {
    const waitMs = widerLookShare * this.#widerLookTookMs;
    const sinceMs = this.#clock.monotonic() - this.#widerLookAt;
    return (this.#dry ? waitMs : Math.max(minWiderLookMs, waitMs)) - sinceMs;
  }

  /** To be told of every claim: what it looked at, what came of it, and how long it took. */
  learn(lanes: readonly Lane[] | undefined, leases: readonly Lease[], asked: number, tookMs: number): void {
    if (lanes === undefined) {
      this.#widerLookAt = this.#clock.monotonic();
      // The shorter of the last two: the first one also opens connections and plans its statements.
      this.#widerLookTookMs = Math.min(tookMs, this.#lastWiderLookMs);
      this.#lastWiderLookMs = tookMs;
      if (this.#known.size > maxKnown) this.#known.clear();
    }
    this.#dry = leases.length < asked;
    for (const { submitted, runAt, taskId } of leases) {
      const { name, plugin: pin = '', queue, priority, group = '' } = submitted;
      const key = `${name}\n${pin}\n${queue}\n${priority}\n${group}`;
      const known = this.#known.get(key);
      const isFurther = known === undefined || known.from < runAt || (known.from === runAt && known.from_id < taskId);
      if (isFurther) this.#known.set(key, { name, pin, queue, priority, group, from: runAt, from_id: taskId });
    }
  }

  /** Lanes of one priority come in an order drawn anew, so that none is always the last. */
  #inOrder(): Lane[] {
    if (this.#known.size === 1) return [...this.#known.values()].map((lane) => ({ ...lane, lanes_left: 1 }));
    const drawn = [...this.#known.values()].map((lane) => ({ lane, ticket: this.#random() }));
    drawn.sort((a, b) => b.lane.priority - a.lane.priority || a.ticket - b.ticket);
    const left = new Map<number, number>();
    for (const { lane } of drawn) left.set(lane.priority, (left.get(lane.priority) ?? 0) + 1);
    return drawn.map(({ lane }) => {
      const lanesLeft = left.get(lane.priority) ?? 1;
      left.set(lane.priority, lanesLeft - 1);
      return { ...lane, lanes_left: lanesLeft };
    });
  }
}
