import type { Clock } from '../clock.ts';
import type { LedgerEvent } from '../events/event.ts';
import { newestSeq, readEventsAt, readSeqs } from '../events/read.ts';
import type { Queryable } from '../postgres/queryable.ts';

interface TailOptions {
  readonly db: Queryable;
  readonly site: string;
  readonly clock: Clock;
  /** How many of the events that are there already to begin with. */
  readonly backlog: number;
}

/** A transaction that commits this long after it drew its seq is still noticed. */
const overlapMs = 5000;
const pageEvents = 1000;

/**
 * New events of a site's stream, by asking again and again. Seqs become visible in the order of commits, so those of the last
 * 5 seconds are looked at again each time. That is enough for people who watch, and not for a consumer that must not miss
 * one: those follow blocks.
 */
export class EventTail {
  readonly #options: TailOptions;
  /** Everything up to it has been looked at for long enough. */
  #floor: bigint | undefined;
  /** The largest seq that was seen, now and at each of the last looks. */
  #newest = 0n;
  #looks: { readonly atMs: number; readonly newest: bigint }[] = [];
  #seen = new Set<bigint>();

  constructor(options: TailOptions) {
    this.#options = options;
  }

  /** What came since the last call, at most 1000 events at once. @throws whatever pg throws */
  async next(): Promise<LedgerEvent[]> {
    const { db, site } = this.#options;
    const floor = (this.#floor ??= await this.#begin());
    const again = await readSeqs(db, site, { after: floor, upTo: this.#newest });
    const onwards = await readSeqs(db, site, { after: this.#newest, limit: pageEvents });
    const fresh = [...again, ...onwards].filter((seq) => !this.#seen.has(seq));
    const events = fresh.length === 0 ? [] : await readEventsAt(db, site, fresh);
    for (const seq of fresh) this.#seen.add(seq);
    this.#newest = onwards.at(-1) ?? this.#newest;
    this.#forget();
    return events;
  }

  async #begin(): Promise<bigint> {
    const { db, site, backlog } = this.#options;
    const newest = await newestSeq(db, site);
    const floor = newest > BigInt(backlog) ? newest - BigInt(backlog) : 0n;
    this.#newest = floor;
    return floor;
  }

  #forget(): void {
    const nowMs = this.#options.clock.monotonic();
    this.#looks.push({ atMs: nowMs, newest: this.#newest });
    const settled = this.#looks.filter(({ atMs }) => atMs <= nowMs - overlapMs);
    const floor = settled.at(-1)?.newest;
    if (floor === undefined) return;
    this.#floor = floor;
    this.#looks = this.#looks.slice(settled.length);
    this.#seen = new Set([...this.#seen].filter((seq) => seq > floor));
  }
}
