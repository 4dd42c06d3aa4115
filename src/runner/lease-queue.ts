import type { Lease } from '../ledger/claim.ts';

/** Leases in hand that have not begun, first in, first out. Taking one costs the same however many wait. */
export class LeaseQueue {
  #leases: Lease[] = [];
  #head = 0;

  get size(): number {
    return this.#leases.length - this.#head;
  }

  push(leases: readonly Lease[]): void {
    for (const lease of leases) this.#leases.push(lease);
  }

  take(): Lease | undefined {
    const lease = this.#leases[this.#head];
    if (lease === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#leases.length) {
      this.#leases = [];
      this.#head = 0;
    }
    return lease;
  }

  /** Takes out those that `match`, the others stay in order. */
  takeWhere(match: (lease: Lease) => boolean): Lease[] {
    const waiting = this.#leases.slice(this.#head);
    this.#leases = waiting.filter((lease) => !match(lease));
    this.#head = 0;
    return waiting.filter(match);
  }
}
