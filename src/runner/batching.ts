interface BatchingOptions {
  readonly concurrency: number;
  readonly maxBatch: number;
  readonly connections: number;
  readonly prefetch: boolean;
}

/** Work to have in hand beyond what runs: enough to bridge a round trip, little enough to be fair to other runners. */
const workAheadMs = 50;
/** How much a new run time, or a new size, moves the average. */
const weight = 0.05;
/** Inputs to have in hand, as JSON text: bounds the memory of a runner whose tasks carry large ones. */
const inHandBytes = 16 * 1024 * 1024;

/**
 * How many leases to hold. Slow handlers get what can run at once, and nothing waits in this process that another runner
 * could start; handlers of microseconds get whole batches, one for each connection.
 */
export class Batching {
  readonly #options: BatchingOptions;
  #averageMs: number | undefined;
  #averageBytes = 0;

  constructor(options: BatchingOptions) {
    this.#options = options;
  }

  ran(ms: number): void {
    this.#averageMs = this.#averageMs === undefined ? ms : this.#averageMs + weight * (ms - this.#averageMs);
  }

  /** A claim brought that much text for that many tasks. */
  received(bytes: number, tasks: number): void {
    if (tasks === 0) return;
    const share = 1 - (1 - weight) ** tasks;
    this.#averageBytes += share * (bytes / tasks - this.#averageBytes);
  }

  /**
   * Leases to have in hand, running ones included. Until something has run: what can run at once.
   * @param places how many may run at once now; fewer than `concurrency` while leases of other sites do
   */
  target(places = this.#options.concurrency): number {
    const { maxBatch, connections, prefetch } = this.#options;
    if (!prefetch || this.#averageMs === undefined) return places;
    const ahead = Math.floor((places * workAheadMs) / Math.max(this.#averageMs, 0.001));
    const affordable = Math.floor(inHandBytes / Math.max(this.#averageBytes, 1));
    return places === 0 ? 0 : Math.max(places, Math.min(ahead, affordable, maxBatch * connections));
  }

  /** The smallest room worth a round trip of its own: a whole batch once batches pay, else a single free place. */
  worthAsking(places = this.#options.concurrency): number {
    const { maxBatch } = this.#options;
    const target = this.target(places);
    return target <= places ? 1 : Math.min(maxBatch, Math.ceil(target / 2));
  }
}
