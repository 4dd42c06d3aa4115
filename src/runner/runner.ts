import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { waitAtMost, type Clock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import type { Codec } from '../events/codec.ts';
import { childLimits, type ChildLimits } from '../ledger/child-limits.ts';
import type { Handler } from '../ledger/define-task.ts';
import type { Signals } from '../signals.ts';
import { handlersByName } from './handlers-by-name.ts';
import { requireProcessHandlers } from './execute/handlers-module.ts';
import { heldHere } from './execute/limits/require-limits.ts';
import { Offers } from './offers.ts';
import { Places } from './places.ts';
import type { ManifestProblem } from './plugins/manifest-problem.ts';
import { RunnerPlugins } from './plugins/runner-plugins.ts';
import { requireRunnerOptions, runnerDefaults, type RunnerOptions } from './runner-options.ts';
import { SitePart, type RunnerSite } from './site-part.ts';

export type { RunnerOptions };

export interface RunnerSurroundings {
  /** The runner's own site. */
  readonly own: RunnerSite;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signals: Signals;
  readonly codec?: Codec | undefined;
}

/** How long `start` waits for the sites: for one that is away it is not worth waiting longer, since others may have work. */
const answersWithinMs = 2000;

/**
 * Leases tasks and runs their handlers in this process until stopped. `start` and `stop` may be called in any order and
 * more than once; `stop` stops claiming, lets running attempts finish for `drainMs`, then aborts their signals, gives
 * their leases back and resolves.
 */
export class Runner {
  readonly name: string;
  readonly #options: RunnerOptions;
  readonly #around: RunnerSurroundings;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #offers: Offers;
  readonly #plugins: RunnerPlugins | undefined;
  readonly #caps: ChildLimits | undefined;
  readonly #hurry = new AbortController();
  #parts: readonly SitePart[] | undefined;
  #stopping: Promise<void> | undefined;
  #checked: Promise<void> | undefined;
  /** Of `start` and `stop`: the last call is the one that counts. */
  #calls = 0;

  constructor(options: RunnerOptions, around: RunnerSurroundings) {
    requireRunnerOptions(options);
    this.#options = options;
    this.#around = around;
    const { handlers = [], plugins = [] } = options;
    this.#handlers = handlersByName(handlers, plugins);
    this.#offers = new Offers(this.#handlers);
    this.#caps = options.limits && childLimits(options.limits, 'the runner');
    this.name = options.name ?? `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`;
    if (plugins.length > 0) this.#plugins = this.#makePlugins(plugins);
  }

  /**
   * Begins to claim. Resolves once everything is set up; a database that is away is waited for. With several sites: once
   * each has answered, or two seconds are over and one has; the others are worked for as soon as they answer.
   * @throws LedgerError TASKLEDGER_HANDLERS_INVALID when a handler for child processes is not where it says,
   *   TASKLEDGER_PLUGINS_INVALID when a manifest is wrong, with every problem of all of them, TASKLEDGER_LIMIT_NOT_HELD when
   *   one requires a limit that this machine cannot hold it to; with several sites also those of `SitePart.open`, and
   *   TASKLEDGER_UNREACHABLE when none of them answers
   */
  async start(): Promise<void> {
    if (this.#parts !== undefined) return;
    const call = (this.#calls += 1);
    await (this.#checked ??= this.#check());
    if (call !== this.#calls) return;
    const parts = this.#makeParts();
    this.#parts = parts;
    await this.#open(parts);
    // Stopped meanwhile.
    if (this.#parts !== parts) return;
    this.#parts = await withoutOwnTwice(parts);
    this.#plugins?.start();
    for (const part of this.#parts) part.begin();
    const { concurrency = runnerDefaults.concurrency } = this.#options;
    const told = { runner: this.name, names: this.#offers.names, concurrency };
    this.#around.signals.emit('runner.started', told);
  }

  /**
   * Reads the manifests of plugins again, as it does by itself when one of them changes. Resolves with what is wrong with
   * them: of a plugin that cannot be run as it is now, what was there before goes on being run. What is submitted afterwards
   * is run by what is installed then; a database that does not answer is waited for two seconds.
   */
  async reload(): Promise<readonly ManifestProblem[]> {
    return (await this.#plugins?.reload()) ?? [];
  }

  /** Looks for tasks now instead of at the next poll. */
  look(): void {
    for (const part of this.#parts ?? []) part.look();
  }

  /** @param drainMs how long running attempts may take to finish; default as in the options */
  stop(drainMs?: number): Promise<void> {
    this.#calls += 1;
    const parts = this.#parts;
    if (parts === undefined) return this.#stopping ?? Promise.resolve();
    this.#parts = undefined;
    this.#stopping = this.#windDown(parts, drainMs ?? this.#options.drainMs ?? runnerDefaults.drainMs);
    return this.#stopping;
  }

  /** Does not wait any longer for attempts that still run: their signals abort and their leases are given back. */
  hurry(): void {
    this.#hurry.abort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #makePlugins(directories: readonly string[]): RunnerPlugins {
    const onChange = async (): Promise<void> => {
      await Promise.all((this.#parts ?? []).map((part) => part.handlersChanged()));
    };
    const admit = (handlers: readonly Handler[]): Promise<void> => this.#hold(handlers);
    return new RunnerPlugins({
      ...this.#around,
      directories,
      runner: this.name,
      offers: this.#offers,
      admit,
      onChange,
    });
  }

  /** That what it offers is there, and that this machine holds it to what it requires. */
  async #check(): Promise<void> {
    try {
      await requireProcessHandlers([...this.#handlers.values()]);
      await this.#plugins?.open();
      await this.#hold(this.#offers.handlers);
    } catch (error) {
      this.#checked = undefined;
      throw error;
    }
  }

  /** Says what holds them to their limits here; leases tell it. @throws LedgerError TASKLEDGER_LIMIT_NOT_HELD */
  async #hold(handlers: readonly Handler[]): Promise<void> {
    const held = await heldHere(handlers, this.#caps);
    if (held === undefined) return;
    this.#offers.limit(held.leased);
    const { layers, missing, told } = held;
    this.#around.signals.emit('runner.limits', { runner: this.name, layers, missing, held: told });
  }

  /** The own site first. */
  #makeParts(): SitePart[] {
    const { own } = this.#around;
    const others = Object.entries(this.#options.sites ?? {}).filter(([name]) => name !== own.name);
    const sites = [own, ...others.map(([name, connectionString]) => ({ name, connectionString, checked: false }))];
    const places = new Places(this.#options.concurrency ?? runnerDefaults.concurrency);
    const { clock, random, signals, codec } = this.#around;
    const around = {
      clock,
      random,
      signals,
      codec,
      caps: this.#caps,
      places,
      runner: this.name,
      offers: this.#offers,
      handlers: this.#handlers,
    };
    const several = sites.length > 1;
    return sites.map((site) => new SitePart({ ...around, options: this.#options, site, own: site === own, several }));
  }

  /** Waits for the sites: for one alone as long as it takes. Nothing has begun when this throws. */
  async #open(parts: readonly SitePart[]): Promise<void> {
    const opened = Promise.all(parts.map((part) => part.open()));
    try {
      if (parts.length === 1) await opened;
      else await waitAtMost(answersWithinMs, opened, this.#around.clock);
      if (this.#parts === parts && parts.every((part) => part.site === undefined)) throw noSiteAnswers(parts);
    } catch (error) {
      await this.stop(0);
      throw error;
    }
    opened.catch(() => undefined);
  }

  async #windDown(parts: readonly SitePart[], drainMs: number): Promise<void> {
    const { signals } = this.#around;
    await this.#plugins?.stop();
    const running = parts.reduce((sum, part) => sum + part.inHand, 0);
    signals.emit('runner.draining', { runner: this.name, running, deadlineMs: drainMs });
    const hurried = new Promise<false>((resolve) => {
      if (this.#hurry.signal.aborted) resolve(false);
      this.#hurry.signal.addEventListener('abort', () => resolve(false), { once: true });
    });
    const released = await Promise.all(parts.map((part) => part.stop(drainMs, hurried)));
    signals.emit('runner.stopped', { runner: this.name, released: released.reduce((sum, each) => sum + each, 0) });
  }
}

/** A list of sites made for every site names the own one too, which may have been given without its name. */
async function withoutOwnTwice([own, ...others]: readonly SitePart[]): Promise<SitePart[]> {
  const twice = others.filter(({ site }) => site !== undefined && site === own?.site);
  await Promise.all(twice.map((part) => part.stop(0, Promise.resolve(false))));
  return [own, ...others].filter((part) => part !== undefined && !twice.includes(part)) as SitePart[];
}

function noSiteAnswers(parts: readonly SitePart[]): LedgerError {
  return new LedgerError('TASKLEDGER_UNREACHABLE', {
    expected: `at least one of ${parts.length} sites to answer within ${answersWithinMs} ms`,
    found: 'none of them',
    remedy: 'Check their URLs, and whether their servers can be reached from here',
  });
}
