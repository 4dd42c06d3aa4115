import { hostname } from 'node:os';
import type { Clock } from '../clock.ts';
import type { Codec } from '../events/codec.ts';
import { armDoorbell } from '../ledger/arm-doorbell.ts';
import type { ChildLimits } from '../ledger/child-limits.ts';
import type { Handler } from '../ledger/define-task.ts';
import { Sweeper } from '../ledger/sweeper.ts';
import type { PreparedQueryable } from '../postgres/queryable.ts';
import type { Signals } from '../signals.ts';
import { Dispatcher } from './dispatcher.ts';
import { Doorbell } from './doorbell.ts';
import { LeaseFences } from './lease-fences.ts';
import { LeaseKeeper, type KeeperNews } from './lease-keeper.ts';
import { ledgerCalls } from './ledger-calls.ts';
import type { Offers } from './offers.ts';
import type { Places } from './places.ts';
import { runnerDefaults, type RunnerOptions } from './runner-options.ts';
import { SiteOffers } from './site-offers.ts';
import { UnderWay } from './under-way.ts';
import { Verifier } from './verifier.ts';

export interface SiteWorkOptions {
  readonly runner: string;
  /** What its connections are called, up to what each is for. */
  readonly application: string;
  readonly connectionString: string;
  /** Whether that is the runner's own site, which goes first. */
  readonly own: boolean;
  /** Shared by all sites of the runner. */
  readonly places: Places;
  /** What the runner can run. */
  readonly offers: Offers;
  /** Handlers of modules, which alone can be asked to verify. */
  readonly handlers: ReadonlyMap<string, Handler>;
  readonly options: RunnerOptions;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signals: Signals;
  readonly codec: Codec | undefined;
  /** What attempts in child processes are held to, whatever their handlers say. */
  readonly caps: ChildLimits | undefined;
}

/** After the signal has aborted, an attempt has that long to end before its lease is given back. */
const graceMs = 1000;
/** Other sites are looked at less often than the runner's own; their doorbells wake it as soon. */
const otherSitesPollFactor = 4;

/**
 * What a runner does at one site, on the database that owns the tasks: leases them, keeps the leases, settles, sweeps, asks
 * about doubts. It shares nothing with its work at other sites but the places.
 */
export class SiteWork {
  readonly dispatcher: Dispatcher;
  readonly #with: SiteWorkOptions;
  readonly #ttlMs: number;
  readonly #fences: LeaseFences;
  readonly #keeper: LeaseKeeper;
  readonly #doorbell: Doorbell;
  readonly #sweeper: Sweeper;
  readonly #verifier: Verifier;
  readonly #offers: SiteOffers;
  readonly #exchanges = new UnderWay();
  #timers: NodeJS.Timeout[] = [];

  /** @param site what the database calls itself */
  constructor(db: PreparedQueryable, site: string, options: SiteWorkOptions) {
    this.#with = options;
    this.#ttlMs = options.options.leaseTtlMs ?? runnerDefaults.leaseTtlMs;
    const { connectionString, application, clock, signals } = options;
    this.#fences = new LeaseFences(this.#ttlMs, (claimId) => this.#lose(claimId));
    this.#keeper = new LeaseKeeper({
      connectionString,
      ttlMs: this.#ttlMs,
      applicationName: `${application} leases`.slice(0, 63),
      onNews: (news) => this.#onNews(news),
    });
    this.#offers = new SiteOffers({
      ...options,
      host: hostname(),
      queues: options.options.queues,
      ...ledgerCalls(db).offers,
      onMore: () => this.dispatcher.look(),
    });
    this.dispatcher = this.#makeDispatcher(db, site);
    this.#doorbell = this.#makeDoorbell(db);
    this.#sweeper = new Sweeper({ db, clock, signals });
    this.#verifier = new Verifier({
      ...options,
      timeoutMs: options.options.verifyTimeoutMs ?? runnerDefaults.verifyTimeoutMs,
      ...ledgerCalls(db).verifier,
    });
  }

  start(): void {
    const pollMs = this.#with.options.pollMs ?? runnerDefaults.pollMs;
    this.#keeper.start();
    this.#doorbell.start();
    this.#sweeper.start();
    this.#verifier.start();
    this.#offers.start();
    // Other sites are helped out now and then: what their tasks need is started for the first of them.
    if (this.#with.own) this.#prestart();
    this.dispatcher.resume();
    const lookEveryMs = this.#with.own ? pollMs : pollMs * otherSitesPollFactor;
    this.#timers = [
      setInterval(() => this.dispatcher.look(), lookEveryMs),
      setInterval(() => this.#checkFences(), Math.max(50, this.#ttlMs / 20)),
    ];
  }

  /** There are other handlers. Resolves when every claim that offered the old ones has been answered. */
  async handlersChanged(): Promise<void> {
    const old = this.#exchanges.over();
    this.dispatcher.attempts.retireOthers(this.#with.offers.handlers);
    if (this.#with.own) this.#prestart();
    this.#doorbell.renew();
    this.dispatcher.look();
    await old;
  }

  /**
   * Claims no more, lets attempts finish for `drainMs` or until `hurried`, then stops them and gives their leases back.
   * Resolves with how many were given back that had begun; `end` follows. Requests to abort are heard until then.
   */
  async windDown(drainMs: number, hurried: Promise<false>): Promise<number> {
    const { dispatcher } = this;
    dispatcher.drain('shutdown');
    // A question can be put again, by any other runner: it is not waited for.
    void this.#verifier.stop();
    let released = 0;
    if (!(await Promise.race([dispatcher.quiet(drainMs), hurried]))) {
      dispatcher.attempts.stopAll('shutdown');
      await dispatcher.quiet(graceMs);
      // A process has a grace of its own, and is ended after it; a second signal ends it now.
      await Promise.race([dispatcher.quiet(dispatcher.attempts.longestStopMs), hurried]);
      await dispatcher.attempts.kill();
      released = dispatcher.attempts.abandon('shutdown');
      dispatcher.flush();
      await dispatcher.quiet(graceMs);
    }
    dispatcher.close();
    await dispatcher.attempts.stop();
    return released;
  }

  /** Stops what is left after `windDown`: nothing is in hand any more. */
  async end(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    const services = [this.#doorbell, this.#keeper, this.#sweeper, this.#verifier, this.#offers];
    await Promise.all(services.map((service) => service.stop()));
  }

  #makeDispatcher(db: PreparedQueryable, site: string): Dispatcher {
    const { own, options } = this.#with;
    const calls = ledgerCalls(db).dispatcher;
    return new Dispatcher({
      ...this.#with,
      offers: this.#offers,
      site,
      host: hostname(),
      queues: options.queues,
      concurrency: options.concurrency ?? runnerDefaults.concurrency,
      maxBatch: options.maxBatch ?? runnerDefaults.maxBatch,
      connections: options.connections ?? runnerDefaults.connections,
      // What waits here could be run by a runner of that site.
      prefetch: own && (options.prefetch ?? true),
      ttlMs: this.#ttlMs,
      ...calls,
      exchange: (request) => this.#exchanges.follow(calls.exchange(request)),
      onClaim: (claim, sentAtMs) => {
        this.#fences.hold(claim.claimId, sentAtMs);
        this.#keeper.hold(claim);
      },
      onClaimDone: (claimId) => {
        this.#fences.drop(claimId);
        this.#keeper.drop(claimId);
      },
      onAnswer: (idle) => this.#doorbell.heard(idle),
      rings: () => this.#doorbell.armed,
    });
  }

  #makeDoorbell(db: PreparedQueryable): Doorbell {
    const { connectionString, application, offers, clock, signals } = this.#with;
    return new Doorbell({
      connectionString,
      applicationName: `${application} doorbell`.slice(0, 63),
      isOurs: (name) => offers.names.includes(name),
      clock,
      signals,
      arm: (forMs) => armDoorbell(db, offers.names, forMs),
      onRing: () => this.dispatcher.ring(),
      onAbort: (taskId) => {
        this.dispatcher.attempts.abort(taskId);
        this.dispatcher.look();
      },
      onWatch: (taskId, how) => this.dispatcher.attempts.watched(taskId, how),
    });
  }

  /** Of each task what runs it without a pin; older versions start when they are asked for. */
  #prestart(): void {
    const { offers } = this.#with;
    this.dispatcher.attempts.prestart(offers.offered([]).handlers);
  }

  #checkFences(): void {
    // A handler may have blocked the event loop: what was renewed meanwhile is heard before anything is judged lost.
    this.#keeper.hear();
    this.#fences.check();
  }

  #lose(claimId: string): void {
    const { running, waiting, released } = this.dispatcher.attempts.lose(claimId);
    this.dispatcher.forget(claimId, waiting);
    const tasks = running + waiting + released;
    if (tasks > 0) this.#with.signals.emit('claim.lost', { runner: this.#with.runner, claimId, tasks });
  }

  #onNews(news: KeeperNews): void {
    const { runner, signals } = this.#with;
    if (news.kind === 'renewed') {
      this.#fences.renewed(news.claimIds, news.sentAtMs);
      signals.emit('claim.renewed', { runner, claims: news.claimIds.length });
    } else if (news.kind === 'lost') {
      for (const claimId of news.claimIds) this.#fences.lose(claimId);
    } else {
      signals.emit('connection.lost', { purpose: 'lease keeping', reason: news.reason });
    }
  }
}
