import { NIL as firstId } from 'uuid';
import type { Lane } from '../ledger/claim.ts';

/** A look that takes so much longer than a plain claim is dear. */
export const dearMs = 250;
/** Of what lies behind the marks, in milliseconds of start times. */
const firstPartMs = 1000;
const shortestPartMs = 100;
/** A part so long is everything. */
const everythingMs = 86_400_000;

/**
 * What lies behind the low-water marks of lanes, looked at in parts. An old transaction keeps the entries of all tasks that ended
 * since it began, so a look from the start of a lane walks over all of them: ten million take 13 seconds, in which the outcomes
 * sent along wait and leases end. Late rows are mostly a little late, so every other look is at the last moments before the
 * marks; the others go back, part by part, to the start, and then begin anew. Each part is longer or shorter than the last one
 * by what that took. Over once a day behind the marks is no longer dear.
 */
export class LookBack {
  #recentMs = firstPartMs;
  #farMs = firstPartMs;
  /** Up to which start time the next far part goes; at first to the marks. */
  #farAtMs = Infinity;
  #turn: 'recent' | 'far' = 'recent';

  /** Looks from the start are not dear any more. */
  get over(): boolean {
    return this.#recentMs >= everythingMs;
  }

  /** These lanes with what the next look takes of what lies behind their marks. */
  beside(lanes: readonly Lane[]): Lane[] {
    if (this.#turn === 'recent')
      return lanes.map((lane) => ({ ...lane, from: moment(Date.parse(lane.from) - this.#recentMs), from_id: firstId }));
    const untilMs = Math.min(this.#farAtMs, Math.max(...lanes.map(({ from }) => Date.parse(from))));
    const fromMs = untilMs - this.#farMs;
    this.#farAtMs = untilMs;
    const behind = lanes.filter(({ from }) => Date.parse(from) > fromMs);
    const from = this.#farMs >= everythingMs ? '-infinity' : moment(fromMs);
    const parts = behind.map((lane) => {
      const until = moment(Math.min(untilMs, Date.parse(lane.from)));
      return { ...lane, from, from_id: firstId, until };
    });
    return [...lanes, ...parts];
  }

  /** To be told how much longer than a plain claim the look of `beside` took. */
  learn(extraMs: number): void {
    const factor = extraMs > dearMs ? 0.5 : extraMs > dearMs / 2 ? 1 : 4;
    if (this.#turn === 'recent') {
      this.#turn = 'far';
      this.#recentMs = Math.max(shortestPartMs, this.#recentMs * factor);
      return;
    }
    this.#turn = 'recent';
    const atStart = this.#farMs >= everythingMs;
    this.#farAtMs = atStart ? Infinity : this.#farAtMs - this.#farMs;
    this.#farMs = atStart ? this.#recentMs : Math.max(shortestPartMs, this.#farMs * factor);
  }
}

/** The server knows no year 0, and nothing was due before 1970. */
const moment = (ms: number): string => (ms > 0 ? new Date(ms).toISOString() : '-infinity');
