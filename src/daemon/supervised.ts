import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import type { Signals } from '../signals.ts';
import type { Service } from './service.ts';

interface SupervisedOptions {
  readonly service: Service;
  readonly clock: Clock;
  readonly signals: Signals;
  /** From 0 up to 1: pauses after a failure are between half and all of what they might be. */
  readonly random: () => number;
}

const firstPauseMs = 1000;
/** A daemon whose database was away is back within this time after it. */
const longestPauseMs = 15_000;

/**
 * Runs one service until stopped. A run that fails is told by the signal `service.failed`, and tried again after a pause that
 * doubles from 1 s to 15 s; the first that succeeds again is told by `service.recovered`.
 */
export class Supervised {
  readonly #options: SupervisedOptions;
  #stopping: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: SupervisedOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = new AbortController();
    this.#running = this.#loop(this.#stopping.signal);
  }

  /** Resolves when the run under way has ended, and the service has let go of what it held. */
  async stop(): Promise<void> {
    this.#stopping?.abort();
    this.#stopping = undefined;
    await this.#running;
    await this.#options.service.stop?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** One run. @throws whatever the service throws */
  async runOnce(): Promise<void> {
    await this.#options.service.runOnce();
  }

  async #loop(stopped: AbortSignal): Promise<void> {
    const { service, clock, signals } = this.#options;
    for (let failures = 0; !stopped.aborted;) {
      try {
        await this.runOnce();
        if (failures > 0) signals.emit('service.recovered', { service: service.name, failures });
        failures = 0;
      } catch (error) {
        failures += 1;
        const retryInMs = this.#pauseMs(failures);
        signals.emit('service.failed', { service: service.name, code: errorCodeOf(error), retryInMs });
        await clock.sleep(retryInMs, stopped);
        continue;
      }
      await clock.sleep(service.everyMs, stopped);
    }
  }

  /** Spread, so that the services of many sites do not all come back to a server in the same moment. */
  #pauseMs(failures: number): number {
    const longest = Math.min(firstPauseMs * 2 ** Math.min(failures - 1, 10), longestPauseMs);
    return Math.round(longest * (0.5 + this.#options.random() / 2));
  }
}
