import type { Clock } from './clock.ts';

/** Work that is done again and again, from `start` until `stop`; both may be called twice. */
export abstract class Repeated {
  readonly #clock: Clock;
  #stopping: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Does it once, and answers how long to wait before the next time, milliseconds. Must not throw. */
  protected abstract step(): Promise<number>;

  start(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = new AbortController();
    this.#running = this.#loop(this.#stopping.signal);
  }

  /** Resolves when the step under way has ended. */
  async stop(): Promise<void> {
    this.#stopping?.abort();
    this.#stopping = undefined;
    await this.#running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #loop(stopped: AbortSignal): Promise<void> {
    while (!stopped.aborted) await this.#clock.sleep(await this.step(), stopped);
  }
}
