import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import { Repeated } from '../repeated.ts';
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
export class Supervised extends Repeated {
  readonly #options: SupervisedOptions;
  #failures = 0;

  constructor(options: SupervisedOptions) {
    super(options.clock);
    this.#options = options;
  }

  /** Resolves when the run under way has ended, and the service has let go of what it held. */
  override async stop(): Promise<void> {
    await super.stop();
    this.#failures = 0;
    await this.#options.service.stop?.();
  }

  /** One run. @throws whatever the service throws */
  async runOnce(): Promise<void> {
    await this.#options.service.runOnce();
  }

  protected override async step(): Promise<number> {
    const { service, signals } = this.#options;
    try {
      await this.runOnce();
    } catch (error) {
      this.#failures += 1;
      const retryInMs = this.#pauseMs(this.#failures);
      signals.emit('service.failed', { service: service.name, code: errorCodeOf(error), retryInMs });
      return retryInMs;
    }
    if (this.#failures > 0) signals.emit('service.recovered', { service: service.name, failures: this.#failures });
    this.#failures = 0;
    return service.everyMs;
  }

  /** Spread, so that the services of many sites do not all come back to a server in the same moment. */
  #pauseMs(failures: number): number {
    const longest = Math.min(firstPauseMs * 2 ** Math.min(failures - 1, 10), longestPauseMs);
    return Math.round(longest * (0.5 + this.#options.random() / 2));
  }
}
