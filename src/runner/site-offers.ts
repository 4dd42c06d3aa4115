import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import type { Announcement } from '../ledger/announce-offers.ts';
import type { Signals } from '../signals.ts';
import type { Offered, Offers, TaskKind } from './offers.ts';

export interface SiteOffersOptions {
  readonly offers: Offers;
  readonly runner: string;
  readonly host: string;
  readonly queues: readonly string[] | undefined;
  readonly clock: Clock;
  readonly signals: Signals;
  /** Which pins open tasks of these names have at the site. */
  readonly presentPins: (names: readonly string[]) => Promise<readonly TaskKind[]>;
  readonly announce: (announcement: Announcement) => Promise<void>;
  /** Tasks can be claimed that could not before. */
  readonly onMore: () => void;
}

const everyMs = 1000;
const announceEveryMs = 10_000;
/** Three are missed before a runner counts as gone. */
const announcedForMs = 35_000;
/** Pins are kept when their tasks are gone, so that the next task need not wait to be seen; but not for ever. */
const maxKept = 500;

/**
 * What a runner offers at one site: what it can run, for the pins that tasks there have. Looks for new pins each second, and
 * tells the site what is offered, so that a task that nobody can run is seen.
 */
export class SiteOffers {
  readonly #options: SiteOffersOptions;
  #pins = new Map<string, TaskKind>();
  #offered: Offered | undefined;
  #edition = -1;
  #announcedAtMs = Number.NEGATIVE_INFINITY;
  #announcedEdition = -1;
  #stopping: AbortController | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: SiteOffersOptions) {
    this.#options = options;
  }

  /** What the next claim offers. */
  get now(): Offered {
    const { offers } = this.#options;
    if (this.#offered === undefined || this.#edition !== offers.edition) {
      this.#edition = offers.edition;
      this.#offered = offers.offered([...this.#pins.values()]);
    }
    return this.#offered;
  }

  start(): void {
    if (this.#stopping !== undefined) return;
    this.#stopping = new AbortController();
    this.#running = this.#loop(this.#stopping.signal);
  }

  /** Nothing is offered any more. */
  async stop(): Promise<void> {
    if (this.#stopping === undefined) return;
    this.#stopping.abort();
    this.#stopping = undefined;
    await this.#running;
    // If that cannot be told, the announcement runs out by itself.
    await this.#announce(0).catch(() => undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  /** Looks for pins, and tells what is offered when it is time. @throws whatever pg throws */
  async runOnce(): Promise<void> {
    const { offers, clock } = this.#options;
    const isDue = clock.monotonic() - this.#announcedAtMs >= announceEveryMs;
    if (isDue || this.#announcedEdition !== offers.edition) await this.#announce(announcedForMs);
    if (await this.#look()) this.#options.onMore();
  }

  /** True when there are new pins. Without plugins there is nothing to ask. */
  async #look(): Promise<boolean> {
    const names = this.#options.offers.pinnableNames;
    if (names.length === 0) return false;
    const present = (await this.#options.presentPins(names)).filter(({ pin }) => pin !== '');
    const fresh = present.filter((kind) => !this.#pins.has(keyOf(kind)));
    if (fresh.length === 0) return false;
    const kept = this.#pins.size + fresh.length > maxKept ? present : [...this.#pins.values(), ...fresh];
    this.#pins = new Map(kept.map((kind) => [keyOf(kind), kind]));
    this.#offered = undefined;
    return true;
  }

  async #announce(forMs: number): Promise<void> {
    const { offers, runner, host, queues, clock } = this.#options;
    const { edition } = offers;
    await this.#options.announce({ runner, host, queues, offers: offers.announced, problems: offers.problems, forMs });
    this.#announcedEdition = edition;
    this.#announcedAtMs = clock.monotonic();
  }

  async #loop(stopped: AbortSignal): Promise<void> {
    const { clock, signals } = this.#options;
    while (!stopped.aborted) {
      try {
        await this.runOnce();
      } catch (error) {
        signals.emit('service.failed', { service: 'offers', code: errorCodeOf(error), retryInMs: everyMs });
      }
      await clock.sleep(everyMs, stopped);
    }
  }
}

function keyOf({ name, pin }: TaskKind): string {
  return `${name}\n${pin}`;
}
