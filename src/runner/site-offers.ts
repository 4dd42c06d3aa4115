import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import { IdlePause } from '../idle-pause.ts';
import type { Announcement } from '../ledger/announce-offers.ts';
import { Repeated } from '../repeated.ts';
import type { Signals } from '../signals.ts';
import type { Offered, Offers, TaskKind } from './offers.ts';

export interface SiteOffersOptions {
  readonly offers: Offers;
  readonly runner: string;
  readonly host: string;
  readonly queues: readonly string[] | undefined;
  readonly clock: Clock;
  readonly signals: Signals;
  /** Which pins open tasks of these names have at the site, but for those that are known. */
  readonly presentPins: (names: readonly string[], known: readonly TaskKind[]) => Promise<readonly TaskKind[]>;
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
export class SiteOffers extends Repeated {
  readonly #options: SiteOffersOptions;
  #pins = new Map<string, TaskKind>();
  #offered: Offered | undefined;
  #edition = -1;
  #announcedAtMs = Number.NEGATIVE_INFINITY;
  /** None is announced: -1. */
  #announcedEdition = -1;
  #looksAtMs = Number.NEGATIVE_INFINITY;
  #lookedEdition = -1;
  /** A look that finds nothing may have walked over the tasks that ended with a pin that is not known. */
  readonly #pause = new IdlePause(0);

  constructor(options: SiteOffersOptions) {
    super(options.clock);
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

  /** Nothing is offered any more. */
  override async stop(): Promise<void> {
    await super.stop();
    if (this.#announcedEdition === -1) return;
    // If that cannot be told, the announcement runs out by itself.
    await this.#announce(0).catch(() => undefined);
    this.#announcedEdition = -1;
  }

  /** Looks for pins, and tells what is offered, each when it is time. @throws whatever pg throws */
  async runOnce(): Promise<void> {
    const { offers, clock } = this.#options;
    const isDue = clock.monotonic() - this.#announcedAtMs >= announceEveryMs;
    if (isDue || this.#announcedEdition !== offers.edition) await this.#announce(announcedForMs);
    if (await this.#look()) this.#options.onMore();
  }

  protected override async step(): Promise<number> {
    try {
      await this.runOnce();
    } catch (error) {
      const failed = { service: 'offers', code: errorCodeOf(error), retryInMs: everyMs };
      this.#options.signals.emit('service.failed', failed);
    }
    return everyMs;
  }

  /** True when there are new pins. Without plugins there is nothing to ask. */
  async #look(): Promise<boolean> {
    const { offers, clock, presentPins } = this.#options;
    const { edition, pinnableNames: names } = offers;
    const startedAtMs = clock.monotonic();
    if (names.length === 0) return false;
    if (startedAtMs < this.#looksAtMs && this.#lookedEdition === edition) return false;
    const known = [...this.#pins.values()];
    const fresh = await presentPins(names, known);
    this.#lookedEdition = edition;
    const endedAtMs = clock.monotonic();
    this.#pause.learn(endedAtMs - startedAtMs, fresh.length > 0);
    this.#looksAtMs = endedAtMs + this.#pause.ms;
    if (fresh.length === 0) return false;
    const kept = known.length + fresh.length > maxKept ? await presentPins(names, []) : [...known, ...fresh];
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
}

function keyOf({ name, pin }: TaskKind): string {
  return `${name}\n${pin}`;
}
