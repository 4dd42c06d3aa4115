/** Calls that have not been answered yet. */
export class UnderWay {
  readonly #calls = new Set<Promise<unknown>>();

  async follow<T>(call: Promise<T>): Promise<T> {
    this.#calls.add(call);
    try {
      return await call;
    } finally {
      this.#calls.delete(call);
    }
  }

  /** Resolves when everything that is under way now is over, however it went. */
  async over(): Promise<void> {
    await Promise.allSettled(this.#calls);
  }
}
