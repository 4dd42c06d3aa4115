import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import type { LimitName, LimitOptions } from '../ledger/child-limits.ts';
import { openLedger } from '../open-ledger.ts';
import { Runner, type RunnerOptions } from '../runner/runner.ts';
import { createSignals, type Signals } from '../signals.ts';
import { connecting, connectionUrl, type ConnectionOptions } from './connection.ts';
import { explainLimits } from './explain-limits.ts';
import { handlerOptions, handlersIn, nothingToRun, pluginsHelp } from './handler-options.ts';
import { limitOption, requireOption } from './limit-options.ts';
import { logSignals, openLogger } from './log-signals.ts';
import { duration, integer } from './parse-options.ts';
import { reloadOnHangup } from './reload-signal.ts';
import { runnerSites, siteOption } from './run-sites.ts';
import { keepHeapSmall } from './small-heap.ts';
import { stopSignals } from './stop-signals.ts';
import { openTerminal, type Terminal } from './terminal.ts';

interface RunOptions extends ConnectionOptions {
  readonly handlers?: string[];
  readonly plugins?: string[];
  readonly site?: Record<string, string>;
  readonly concurrency?: number;
  readonly queues?: string[];
  readonly drain?: number;
  readonly ttl?: number;
  readonly limit?: LimitOptions;
  readonly require?: readonly LimitName[];
  readonly explainLimits?: boolean;
}

export function addRun(program: Command): void {
  connecting(program.command('run'))
    .description('run handlers in this process until told to stop; logs go to stderr')
    .option('--handlers <module...>', 'JavaScript modules whose exported handlers are run')
    .option('--plugins <dir...>', pluginsHelp)
    .option(
      '--site <name=url>',
      "another site to work for while the runner's own has nothing to do; once for each, URL as in --url",
      siteOption,
    )
    .option('--concurrency <n>', 'attempts at the same time (default: 10)', integer('--concurrency', 1, 10_000))
    .option('--queues <queue...>', 'only tasks of these queues (default: all)')
    .option(
      '--drain <duration>',
      'how long running attempts may take to finish when told to stop (default: 10s)',
      duration('--drain'),
    )
    .option('--ttl <duration>', 'how long a lease lasts without a renewal (default: 15s)', duration('--ttl'))
    .option(
      '--limit <name=value...>',
      'what every attempt in a child process is held to, such as memory=2GB processes=64, whatever its handler allows',
      limitOption,
    )
    .option('--require <name...>', 'those of the limits without which the runner is not to start', requireOption)
    .option('--explain-limits', 'print what holds these handlers to their limits on this machine, and end')
    .addHelpText(
      'after',
      `
The runner's own site is that of --url or TASKLEDGER_DATABASE_URL, else the first --site; naming it among the others does no
harm, so that every runner may get the same list. Tasks of another site are leased from its own database, where they are
owned. With several sites it starts when one of them answers, and works for the others as soon as they do.

Manifests of plugins are read again when one of them changes (looked for every 2 s), and on SIGHUP: new attempts use what is
new, running ones keep what they have. One that is wrong is logged as an error, and what it was before goes on being run.`,
    )
    .action(run);
}

async function run({ concurrency, queues, drain, ttl, ...options }: RunOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  const limits = capsOf(options);
  if (options.explainLimits === true) {
    await explainLimits(await handlersIn(options), limits, terminal);
    return;
  }
  using wish = stopSignals(systemClock);
  const signals = createSignals();
  const open = await chosenSites(options, terminal, signals);
  const sources = await handlerOptions(options);
  if (sources === undefined) throw nothingToRun();
  logSignals(signals, openLogger());
  await using opened = await open({ ...sources, concurrency, queues, drainMs: drain, leaseTtlMs: ttl, limits });
  const { runner } = opened;
  wish.second.addEventListener('abort', () => runner.hurry(), { once: true });
  if (options.plugins !== undefined) reloadOnHangup([runner]);
  await runner.start();
  keepHeapSmall();
  await wish.first;
  await runner.stop();
}

function capsOf({ limit, require }: Pick<RunOptions, 'limit' | 'require'>): LimitOptions | undefined {
  return limit === undefined && require === undefined ? undefined : { ...limit, required: require ?? [] };
}

interface OpenedRunner extends AsyncDisposable {
  readonly runner: Runner;
}

type OpenRunner = (options: RunnerOptions) => Promise<OpenedRunner>;

/** How to open the runner: with one site, its database must answer at once; of several, one when the runner starts. */
async function chosenSites(
  { url, site }: Pick<RunOptions, 'url' | 'site'>,
  terminal: Terminal,
  signals: Signals,
): Promise<OpenRunner> {
  if (site === undefined) {
    const connectionString = await connectionUrl(url, terminal);
    return async (options) => {
      const ledger = await openLedger({ connectionString, signals, maxConnections: 1 });
      return { runner: ledger.runner(options), [Symbol.asyncDispose]: () => ledger.close() };
    };
  }
  const { own, sites } = await runnerSites(url, site, terminal);
  const around = { own, clock: systemClock, random: Math.random, signals };
  return (options) => {
    const runner = new Runner({ ...options, sites }, around);
    return Promise.resolve({ runner, [Symbol.asyncDispose]: () => Promise.resolve() });
  };
}
