import type { Command } from 'commander';
import { relative } from 'node:path';
import { systemClock } from '../clock.ts';
import type { Runner, RunnerOptions } from '../runner/runner.ts';
import { createSignals, type Signals } from '../signals.ts';
import { announce, chooseDevPlace, DEFAULT_DEV_DIR, withdraw } from './dev-place.ts';
import { devSites, siteNames, type DevSite } from './dev-sites.ts';
import { joinLocalSites } from './join-local-sites.ts';
import { handlerOptions, pluginsHelp } from './handler-options.ts';
import { closeLocalSites, openLocalSites, type LocalSite } from './local-site.ts';
import { logSignals, openLogger } from './log-signals.ts';
import { integer } from './parse-options.ts';
import { keepHeapSmall } from './small-heap.ts';
import { reloadOnHangup } from './reload-signal.ts';
import { stopSignals, type StopWish } from './stop-signals.ts';
import { openTerminal, type Terminal } from './terminal.ts';

interface DevOptions {
  readonly sites?: string[];
  readonly handlers?: string[];
  readonly plugins?: string[];
  readonly data?: string;
  readonly port?: number;
  readonly json?: boolean;
}

export function addDev(program: Command): void {
  program
    .command('dev')
    .description(
      'a ledger of your own: PostgreSQL, migrated, its daemon, and a runner if handlers are given; until told to stop',
    )
    .option(
      '--sites <names>',
      'several sites that ship to each other, such as ams,fra (default: those of last time, else one, local)',
      siteNames,
    )
    .option('--handlers <module...>', 'JavaScript modules whose exported handlers are run (not watched for changes)')
    .option('--plugins <dir...>', `${pluginsHelp}; read again when they change, and on SIGHUP`)
    .option('--data <dir>', `where its data are kept (default: ${DEFAULT_DEV_DIR}/ in the current directory)`)
    .option(
      '--port <n>',
      'port on 127.0.0.1; further sites take the next ones (default: the one it had last time, else any)',
      integer('--port', 1, 65_535),
    )
    .option('--json', 'print one JSON object on stdout once it is ready')
    .addHelpText(
      'after',
      `
While it runs, the other commands find it from this directory by themselves, by a file \`url\` beside the data that only
this user can read; --url and TASKLEDGER_DATABASE_URL go first. With --data, other shells need one of these two. Of several
sites they find the first; each has its own file: --url @${DEFAULT_DEV_DIR}/fra/url. Each site is a PostgreSQL server of its own
with a daemon and a runner; started again on the same data, the same sites come back.`,
    )
    .action(dev);
}

async function dev(options: DevOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  using wish = stopSignals(systemClock);
  const sources = await handlerOptions(options);
  const dir = options.data ?? (await defaultPlace(terminal));
  const places = await devSites(dir, options.sites);
  const sites = await openLocalSites(
    places.map(({ name, dataDir }, place) => ({
      name,
      dataDir,
      port: options.port === undefined ? undefined : options.port + place,
      signals: loggedSignals(name, places),
      maxConnections: 1,
    })),
  );
  const announced = places.length === 1 ? [dir] : [dir, ...places.map(({ dataDir }) => dataDir)];
  try {
    await joinLocalSites(sites);
    const runners = sources === undefined ? [] : sites.map((site) => runnerAt(site, sources, wish));
    if (options.plugins !== undefined) reloadOnHangup(runners);
    await Promise.all(runners.map((runner) => runner.start()));
    for (const [place, where] of announced.entries()) {
      await announce(where, sites[Math.max(0, place - 1)]?.server.url ?? '');
    }
    tellReady(sites, dir, terminal);
    keepHeapSmall();
    await wish.first;
  } finally {
    await Promise.all(announced.map(withdraw));
    await closeLocalSites(sites);
  }
}

async function defaultPlace(terminal: Terminal): Promise<string> {
  const { dir, blockedBy } = await chooseDevPlace(process.cwd());
  if (blockedBy !== undefined) {
    terminal.warn(`data are kept in ${dir}: run by root, PostgreSQL has another user, who may not enter ${blockedBy}`);
  }
  return dir;
}

/** Signals of one site, logged; with its name where there are several. */
function loggedSignals(site: string, all: readonly DevSite[]): Signals {
  const signals = createSignals();
  logSignals(signals, openLogger(), all.length === 1 ? {} : { site });
  return signals;
}

/** Runs the tasks of this site, once started, until it is closed; a second wish to stop does not wait for attempts. */
function runnerAt(site: LocalSite, sources: RunnerOptions, wish: StopWish): Runner {
  const runner = site.ledger.runner(sources);
  wish.second.addEventListener('abort', () => runner.hurry(), { once: true });
  site.atClose.push(() => runner.stop());
  return runner;
}

function tellReady(sites: readonly LocalSite[], dir: string, terminal: Terminal): void {
  if (terminal.json) {
    terminal.object({ ready: true, sites: sites.map(({ name, server }) => ({ name, url: server.url })) });
    return;
  }
  const { bold, dim } = terminal.colors;
  for (const { name, server } of sites) {
    terminal.line(`Site ${bold(name)} is ready on PostgreSQL ${server.version}: ${bold(server.url)}`);
  }
  terminal.line(dim(`Data are kept in ${dir}. Ctrl-C stops it. Try in another shell, in this directory:`));
  terminal.line(`  npx taskledger submit greetings.say --input '{"name":"Ada"}'`);
  terminal.line(`  npx taskledger list`);
  terminal.line(`  npx taskledger history ID`);
  const [, second] = sites;
  if (second === undefined) return;
  terminal.line(dim(`These ask ${sites[0]?.name ?? ''}. What ${second.name} knows of it, a moment later:`));
  terminal.line(`  npx taskledger list --url @${relative(process.cwd(), second.server.dataDir)}/url`);
}
