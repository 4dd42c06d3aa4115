interface BatchingOptions {
  readonly concurrency: number;
  readonly maxBatch: number;
  readonly connections: number;
  readonly prefetch: boolean;
}

/** Work to have in hand beyond what runs: enough to bridge a round trip, little enough to be fair to other runners. */
const workAheadMs = 50;
/** How much a new run time moves the average. */
const weight = 0.05;

/**
 * How many leases to hold. Slow handlers get what can run at once, and nothing waits in this process that another runner
 * could start; handlers of microseconds get whole batches, one for each connection.
 */
export class Batching {
  readonly #options: BatchingOptions;
  #averageMs: number | undefined;

  constructor(options: BatchingOptions) {
    this.#options = options;
  }

  ran(ms: number): void {
    this.#averageMs = this.#averageMs === undefined ? ms : this.#averageMs + weight * (ms - this.#averageMs);
  }

  /** Leases to have in hand, running ones included. Until something has run: what can run at once. */
  target(): number {
    const { concurrency, maxBatch, connections, prefetch } = this.#options;
    if (!prefetch || this.#averageMs === undefined) return concurrency;
    const ahead = Math.floor((concurrency * workAheadMs) / Math.max(this.#averageMs, 0.001));
    return Math.max(concurrency, Math.min(ahead, maxBatch * connections));
  }

  /** The smallest room worth a round trip of its own: a whole batch once batches pay, else a single free place. */
  worthAsking(): number {
    const { concurrency, maxBatch } = this.#options;
    const target = this.target();
    return target <= concurrency ? 1 : Math.min(maxBatch, Math.ceil(target / 2));
  }
}
