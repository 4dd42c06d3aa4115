import type { Lease } from '../ledger/claim.ts';

/** Places of taken leases are given back once there are that many, and more than there are waiting ones. */
const emptyPlacesMin = 1000;

/** Leases in hand that have not begun, first in, first out. Taking one costs the same however many wait. */
export class LeaseQueue<L = Lease> {
  #leases: L[] = [];
  #head = 0;

  get size(): number {
    return this.#leases.length - this.#head;
  }

  push(leases: readonly L[]): void {
    for (const lease of leases) this.#leases.push(lease);
  }

  take(): L | undefined {
    const lease = this.#leases[this.#head];
    if (lease === undefined) return undefined;
    this.#head += 1;
    // Under a steady load the queue is never empty: without this, every lease it ever held would be kept.
    if (this.size === 0 || (this.#head >= emptyPlacesMin && this.#head > this.size)) {
      this.#leases = this.#leases.slice(this.#head);
      this.#head = 0;
    }
    return lease;
  }

  /** Takes out those that `match`, the others stay in order. */
  takeWhere(match: (lease: L) => boolean): L[] {
    const waiting = this.#leases.slice(this.#head);
    this.#leases = waiting.filter((lease) => !match(lease));
    this.#head = 0;
    return waiting.filter(match);
  }
}
