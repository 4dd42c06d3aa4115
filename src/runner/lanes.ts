import { NIL as firstId } from 'uuid';
import type { Clock } from '../clock.ts';
import type { ClaimRequest, Lane, Lease } from '../ledger/claim.ts';
import { dearMs, LookBack } from './look-back.ts';
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

type KnownLane = Omit<Lane, 'share' | 'level' | 'until'>;

/** What a claim looked at, what came of it, and how long it took. */
export interface Looked extends Pick<ClaimRequest, 'lanes' | 'wider'> {
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

/** Whether it was a look at everything, or at a part of that. */
export const isWider = ({ lanes, wider = false }: Pick<ClaimRequest, 'lanes' | 'wider'>): boolean =>
  lanes === undefined || wider;

/**
 * Remembers where in each lane to go on, so that claims do not walk over the dead entries an old snapshot keeps
 * (measured: claim(1) 0.8 ms against 27 ms behind 200 000 of them). A low-water mark hides rows that commit late and
 * lanes that are new, so every now and then, and whenever the known lanes have run dry, everything is looked at; in parts
 * where that takes long.
 */
export class Lanes {
  readonly #known = new Map<string, KnownLane>();
  readonly #clock: Clock;
  readonly #random: () => number;
  #widerLookAt = Number.NEGATIVE_INFINITY;
  #widerLookTookMs = 0;
  #lastWiderLookMs = 0;
  #plainLookMs = 0;
  /** A wider look is under way: a second one would walk over the same. */
  #looking = false;
  #back: LookBack | undefined;
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
  next(rang: boolean): Pick<ClaimRequest, 'lanes' | 'wider' | 'afterGroup'> {
    const lanes = (): Lane[] => shareLanes([...this.#known.values()], this.#random);
    const enough = this.#known.size > 0 && (rang || this.#looking);
    if (enough || this.widerLookInMs() > 0) return { lanes: lanes() };
    this.#looking = true;
    const afterGroup = this.#afterGroup;
    if (this.#back === undefined || !this.#canBePassed) return { afterGroup };
    return { lanes: this.#back.beside(lanes()), wider: true, afterGroup };
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

  /** To be told of every claim that was answered. */
  learn({ lanes, wider, leases, asked, tookMs, nextGroup = '' }: Looked): void {
    this.#dry = leases.length < asked;
    if (leases.length > 0) this.#fedAtMs = this.#clock.monotonic();
    const isWide = isWider({ lanes, wider });
    if (isWide && this.#known.size > maxKnown) this.#known.clear();
    if (this.#dry && this.#known.size > fewLanes) for (const lane of lanes ?? []) this.#known.delete(keyOf(lane));
    for (const lease of leases) {
      const { runAt, taskId } = lease;
      const lane = laneOf(lease);
      const known = this.#known.get(keyOf(lane));
      const isFurther = known === undefined || known.from < runAt || (known.from === runAt && known.from_id < taskId);
      if (isFurther) this.#known.set(keyOf(lane), { ...lane, from: runAt, from_id: taskId });
    }
    if (isWide) this.#learnWider(tookMs, wider ?? false, nextGroup);
    else this.#plainLookMs = tookMs;
  }

  /** To be told of every claim that was not answered. */
  failed(request: Pick<ClaimRequest, 'lanes' | 'wider'>): void {
    if (isWider(request)) this.#looking = false;
  }

  /** Of leases that were given back at once, and are found again from there on. */
  gaveBack(leases: readonly Lease[]): void {
    for (const lease of leases) {
      const lane = laneOf(lease);
      if (!this.#known.has(keyOf(lane))) this.#known.set(keyOf(lane), { ...lane, from: lease.runAt, from_id: firstId });
    }
  }

  #learnWider(tookMs: number, inParts: boolean, nextGroup: string): void {
    this.#looking = false;
    this.#afterGroup = nextGroup;
    this.#widerLookAt = this.#clock.monotonic();
    const extraMs = tookMs - this.#plainLookMs;
    // The shorter of the last two: the first one also opens connections and plans its statements, in a second at most.
    this.#widerLookTookMs = extraMs > 8 * dearMs ? tookMs : Math.min(tookMs, this.#lastWiderLookMs);
    this.#lastWiderLookMs = tookMs;
    if (inParts) this.#back?.learn(extraMs);
    else this.#lookInPartsIfDear();
    if (this.#back?.over === true) this.#back = undefined;
  }

  #lookInPartsIfDear(): void {
    const isDear = this.#widerLookTookMs - this.#plainLookMs > dearMs;
    if (this.#back !== undefined || !isDear || !this.#canBePassed) return;
    this.#back = new LookBack();
    this.#widerLookTookMs = 0;
    this.#lastWiderLookMs = 0;
  }

  /** More lanes than a claim names could not be passed over, and without one there is no mark to begin from. */
  get #canBePassed(): boolean {
    return this.#known.size > 0 && this.#known.size <= fewLanes;
  }

  #quietMs(): number {
    return this.#clock.monotonic() - this.#fedAtMs;
  }
}

function laneOf({ submitted }: Lease): Omit<KnownLane, 'from' | 'from_id'> {
  const { name, plugin: pin = '', queue, priority, group = '' } = submitted;
  return { name, pin, queue, priority, group };
}

function keyOf({ name, pin, queue, priority, group }: Omit<KnownLane, 'from' | 'from_id'>): string {
  return `${name}\n${pin}\n${queue}\n${priority}\n${group}`;
}
