import type { Clock } from '../clock.ts';
import type { ClaimRequest, Lane, Lease } from '../ledger/claim.ts';
import { shareLanes } from './share-lanes.ts';

const minWiderLookMs = 1000;
/** A look at everything may take one part in 20 of the time. */
const widerLookShare = 20;
/** With more lanes than that, those that gave nothing are not looked at again before the next look at everything. */
const fewLanes = 100;
const maxKnown = 1000;
/** After a claim that brought something, the known lanes are looked at again, each time after as long as nothing has come since. */
const firstPauseMs = 5;
const longestPauseMs = 100;
/** Such looks may take one part in 4 of the time. */
const soonLookShare = 4;
/** Nothing has come for so long: the ledger is worth asking to ring. With more tasks than that, each ring costs more than a look. */
const quietAfterMs = 10;

type KnownLane = Omit<Lane, 'share' | 'level'>;

/** What a claim looked at, what came of it, and how long it took. */
export interface Looked {
  readonly lanes: readonly Lane[] | undefined;
  readonly leases: readonly Lease[];
  readonly asked: number;
  readonly tookMs: number;
  readonly nextGroup?: string | undefined;
}

interface LookAgain extends Pick<Looked, 'lanes' | 'tookMs'> {
  /** When a cap that was in the way may be out of it. */
  readonly againMs: number | undefined;
  /** Whether submissions ring now. */
  readonly rings: boolean;
}

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
  /** When tasks came last; in the beginning they may any moment. */
  #fedAtMs: number;
  #dry = true;
  #afterGroup = '';

  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
    this.#fedAtMs = clock.monotonic();
  }

  /**
   * The lanes to claim from now, in order; undefined means look everywhere, and after which group to begin.
   * @param rang a task was just submitted: probably in a lane we know, and looking there is twice as quick
   */
  next(rang: boolean): Pick<ClaimRequest, 'lanes' | 'afterGroup'> {
    if (this.widerLookInMs() <= 0 && !(rang && this.#known.size > 0)) return { afterGroup: this.#afterGroup };
    return { lanes: shareLanes([...this.#known.values()], this.#random) };
  }

  /** How long until everything may be looked at again, in milliseconds; 0 or less when it may be now. */
  widerLookInMs(): number {
    const waitMs = widerLookShare * this.#widerLookTookMs;
    const sinceMs = this.#clock.monotonic() - this.#widerLookAt;
    return (this.#dry ? waitMs : Math.max(minWiderLookMs, waitMs)) - sinceMs;
  }

  /** Nothing has come for a moment. */
  get quiet(): boolean {
    return this.#quietMs() >= quietAfterMs;
  }

  /**
   * When to look again after a claim that brought less than was asked for: a cap was in the way; only known lanes were looked
   * at, and everything is looked at as soon as that is due; or tasks have just come that did not ring, as more may. Undefined:
   * when somebody rings, or polls.
   */
  lookAgainInMs({ lanes, tookMs, againMs, rings }: LookAgain): number | undefined {
    const planned = againMs ?? (lanes === undefined ? undefined : this.widerLookInMs());
    const quietMs = this.#quietMs();
    if (rings || quietMs > longestPauseMs) return planned;
    return Math.min(planned ?? Infinity, Math.max(firstPauseMs, quietMs, soonLookShare * tookMs));
  }

  /** To be told of every claim. */
  learn({ lanes, leases, asked, tookMs, nextGroup = '' }: Looked): void {
    if (lanes === undefined) {
      this.#afterGroup = nextGroup;
      this.#widerLookAt = this.#clock.monotonic();
      // The shorter of the last two: the first one also opens connections and plans its statements.
      this.#widerLookTookMs = Math.min(tookMs, this.#lastWiderLookMs);
      this.#lastWiderLookMs = tookMs;
      if (this.#known.size > maxKnown) this.#known.clear();
    }
    this.#dry = leases.length < asked;
    if (leases.length > 0) this.#fedAtMs = this.#clock.monotonic();
    if (this.#dry && this.#known.size > fewLanes) for (const lane of lanes ?? []) this.#known.delete(keyOf(lane));
    for (const { submitted, runAt, taskId } of leases) {
      const { name, plugin: pin = '', queue, priority, group = '' } = submitted;
      const key = keyOf({ name, pin, queue, priority, group });
      const known = this.#known.get(key);
      const isFurther = known === undefined || known.from < runAt || (known.from === runAt && known.from_id < taskId);
      if (isFurther) this.#known.set(key, { name, pin, queue, priority, group, from: runAt, from_id: taskId });
    }
  }

  #quietMs(): number {
    return this.#clock.monotonic() - this.#fedAtMs;
  }
}

function keyOf({ name, pin, queue, priority, group }: Omit<KnownLane, 'from' | 'from_id'>): string {
  return `${name}\n${pin}\n${queue}\n${priority}\n${group}`;
}
