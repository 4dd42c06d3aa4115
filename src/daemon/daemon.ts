import type { Clock } from '../clock.ts';
import type { Signals } from '../signals.ts';
import type { Service } from './service.ts';
import { Supervised } from './supervised.ts';

interface DaemonOptions {
  readonly site: string;
  readonly services: readonly Service[];
  readonly clock: Clock;
  readonly signals: Signals;
  readonly random: () => number;
}

/**
 * Starts and supervises the services of a site. Each runs for itself: one that fails, or hangs, leaves the others alone.
 * Any number of daemons may serve a site at once; every service must stand that.
 */
export class Daemon {
  readonly #options: DaemonOptions;
  readonly #supervised: readonly Supervised[];
  #isRunning = false;

  constructor(options: DaemonOptions) {
    const { services, clock, signals, random } = options;
    this.#options = options;
    this.#supervised = services.map((service) => new Supervised({ service, clock, signals, random }));
  }

  /** The names of what it runs. */
  get services(): readonly string[] {
    return this.#options.services.map(({ name }) => name);
  }

  start(): void {
    if (this.#isRunning) return;
    this.#isRunning = true;
    for (const each of this.#supervised) each.start();
    this.#options.signals.emit('daemon.started', { site: this.#options.site, services: this.services });
  }

  /** Resolves when every run under way has ended. */
  async stop(): Promise<void> {
    await Promise.all(this.#supervised.map((each) => each.stop()));
    if (!this.#isRunning) return;
    this.#isRunning = false;
    this.#options.signals.emit('daemon.stopped', { site: this.#options.site });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** One run of every service at once. @throws the first failure, when all have ended */
  async runOnce(): Promise<void> {
    const runs = await Promise.allSettled(this.#supervised.map((each) => each.runOnce()));
    const failed = runs.find((run) => run.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }
}
