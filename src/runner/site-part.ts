import { errorCodeOf, LedgerError } from '../errors.ts';
import { connectionsOf } from '../postgres/connections-of.ts';
import { endWithin } from '../postgres/end-connection.ts';
import { createPool } from '../postgres/pool.ts';
import { waitForSite } from '../postgres/wait-for-site.ts';
import type { Signals } from '../signals.ts';
import { runnerDefaults } from './runner-options.ts';
import { SiteWork, type SiteWorkOptions } from './site-work.ts';

/** A site as a runner is told of it. */
export interface RunnerSite {
  /** Undefined: whatever the database says. */
  readonly name: string | undefined;
  readonly connectionString: string;
  /** Somebody has made sure of the name and the schema; else nothing is leased before that is done. */
  readonly checked: boolean;
}

export interface SitePartOptions extends Omit<SiteWorkOptions, 'application' | 'connectionString'> {
  readonly site: RunnerSite;
  /** One of several: signals say which. */
  readonly several: boolean;
}

/**
 * A claim that is not answered within the TTL is worth nothing, and outcomes are sent again; but a batch may take a while
 * on a slow disk, however short the TTL.
 */
const shortestAnswerTimeoutMs = 10_000;
/** A site that is not to be worked for may be corrected without this runner. */
const refusedAgainInMs = 10_000;

/** One site of a runner: waits until it answers, makes sure that it is the right one, and works there until told to stop. */
export class SitePart {
  readonly #options: SitePartOptions;
  readonly #application: string;
  readonly #signals: Signals;
  readonly #pool: ReturnType<typeof createPool>;
  readonly #connections: ReturnType<typeof connectionsOf>;
  readonly #stopping = new AbortController();
  #opening: Promise<void> = Promise.resolve();
  #found: string | undefined;
  #work: SiteWork | undefined;

  constructor(options: SitePartOptions) {
    this.#options = options;
    const { site, runner, several, signals } = options;
    this.#application = `taskledger run ${runner}`.slice(0, 63);
    this.#signals = several ? this.#signalsOfSite(signals) : signals;
    const { leaseTtlMs = runnerDefaults.leaseTtlMs, connections = runnerDefaults.connections } = options.options;
    this.#pool = createPool({
      connectionString: site.connectionString,
      max: connections,
      applicationName: this.#application,
      answerTimeoutMs: Math.max(shortestAnswerTimeoutMs, leaseTtlMs),
    });
    this.#connections = connectionsOf(this.#pool);
  }

  /** What the database calls itself; undefined before it has answered and was found to be the right one. */
  get site(): string | undefined {
    return this.#found;
  }

  /** Leases without an outcome. */
  get inHand(): number {
    return this.#work?.dispatcher.inHand ?? 0;
  }

  look(): void {
    this.#work?.dispatcher.look();
  }

  /** As of its work. */
  async handlersChanged(): Promise<void> {
    await this.#work?.handlersChanged();
  }

  /**
   * Resolves once the database has answered, and is the site it is said to be; or when told to stop.
   * @throws LedgerError TASKLEDGER_WRONG_SITE, TASKLEDGER_NOT_MIGRATED, TASKLEDGER_SCHEMA_NEWER, TASKLEDGER_NOT_ALLOWED, and
   *   TASKLEDGER_UNREACHABLE when the server answers but does not let this user in
   */
  open(): Promise<void> {
    this.#opening = this.#open();
    return this.#opening;
  }

  /** Begins to work, now or as soon as the site is open. What goes wrong with that is for the logs, and is tried again. */
  begin(): void {
    if (this.#found === undefined) void this.#beginLater();
    else this.#begin(this.#found);
  }

  /** See `SiteWork.windDown`; does not wait for a link over which nothing is answered. */
  async stop(drainMs: number, hurried: Promise<false>): Promise<number> {
    this.#stopping.abort();
    const work = this.#work;
    const released = (await work?.windDown(drainMs, hurried)) ?? 0;
    if (work !== undefined) await endWithin(work.end(), () => this.#connections);
    await endWithin(this.#pool.end(), () => this.#connections);
    return released;
  }

  async #open(): Promise<void> {
    const { site, clock } = this.#options;
    const waiting = { purpose: 'the site', clock, signals: this.#signals, stopped: this.#stopping.signal };
    const found = site.checked ? site.name : await waitForSite(this.#pool, waiting);
    if (found !== undefined && site.name !== undefined && site.name !== found) throw wrongSite(site.name, found);
    this.#found = found;
  }

  #begin(found: string): void {
    if (this.#stopping.signal.aborted) return;
    this.#work = new SiteWork(this.#pool, found, {
      ...this.#options,
      signals: this.#signals,
      application: this.#application,
      connectionString: this.#options.site.connectionString,
    });
    this.#work.start();
  }

  /** The same signals, which also say of which site they tell. */
  #signalsOfSite(signals: Signals): Signals {
    const site = (): string => this.#found ?? this.#options.site.name ?? 'own';
    return {
      get active() {
        return signals.active;
      },
      emit: (name, data) => signals.emit(name, { ...data, site: site() }),
      subscribe: (subscriber) => signals.subscribe(subscriber),
      next: (name, accept) => signals.next(name, accept),
    };
  }

  async #beginLater(): Promise<void> {
    const { signal } = this.#stopping;
    for (let opening = this.#opening; !signal.aborted && this.#work === undefined; opening = this.open()) {
      try {
        await opening;
        if (this.#found !== undefined) this.#begin(this.#found);
      } catch (error) {
        const told = { service: 'connection to the site', code: errorCodeOf(error), retryInMs: refusedAgainInMs };
        this.#signals.emit('service.failed', told);
        await this.#options.clock.sleep(refusedAgainInMs, signal);
      }
    }
  }
}

function wrongSite(name: string, found: string): LedgerError {
  return new LedgerError('TASKLEDGER_WRONG_SITE', {
    expected: `site ${name} at the URL that was given for it`,
    found: `site ${found}`,
    remedy: 'Correct the name or the URL; taskledger site status says who a database is',
  });
}
