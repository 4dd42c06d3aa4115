import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { openDaemon } from '../daemon/open-daemon.ts';
import { openLedger, type Ledger } from '../open-ledger.ts';
import type { Handler } from '../ledger/define-task.ts';
import type { EmbeddedPostgres } from '../postgres/embedded/embedded-server.ts';
import { startEmbeddedPostgres } from '../postgres/embedded/start-embedded-postgres.ts';
import { migrate } from '../postgres/migrate.ts';
import type { Runner } from '../runner/runner.ts';
import { createSignals, type Signals } from '../signals.ts';
import { announce, chooseDevPlace, DEFAULT_DEV_DIR, withdraw } from './dev-place.ts';
import { keepServer } from './keep-server.ts';
import { loadHandlers } from './load-handlers.ts';
import { logSignals, openLogger } from './log-signals.ts';
import { integer } from './parse-options.ts';
import { ownSiteKey } from './site/own-site-key.ts';
import { stopSignals, type StopWish } from './stop-signals.ts';
import { openTerminal, type Terminal } from './terminal.ts';

interface DevOptions {
  readonly handlers?: string[];
  readonly data?: string;
  readonly port?: number;
  readonly json?: boolean;
}

const site = 'local';

export function addDev(program: Command): void {
  program
    .command('dev')
    .description(
      'a ledger of your own: PostgreSQL, migrated, its daemon, and a runner if handlers are given; until told to stop',
    )
    .option('--handlers <module...>', 'JavaScript modules whose exported handlers are run (not watched for changes)')
    .option('--data <dir>', `where its data are kept (default: ${DEFAULT_DEV_DIR}/ in the current directory)`)
    .option(
      '--port <n>',
      'port on 127.0.0.1 (default: the one it had last time, else any)',
      integer('--port', 1, 65_535),
    )
    .option('--json', 'print one JSON object on stdout once it is ready')
    .addHelpText(
      'after',
      `
While it runs, the other commands find it from this directory by themselves, by a file \`url\` beside the data that only
this user can read; --url and TASKLEDGER_DATABASE_URL go first. With --data, other shells need one of these two.`,
    )
    .action(dev);
}

async function dev(options: DevOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  using wish = stopSignals(systemClock);
  const handlers = options.handlers === undefined ? undefined : await loadHandlers(options.handlers, process.cwd());
  const dataDir = options.data ?? (await defaultPlace(terminal));
  const signals = createSignals();
  logSignals(signals, openLogger());
  const server = await startEmbeddedPostgres({ dataDir, port: options.port, signals });
  const kept = keepServer(server, { clock: systemClock, signals });
  try {
    await migrate({ connectionString: server.url, site, signals });
    await serve(server, handlers, { wish, signals, terminal });
  } finally {
    await withdraw(dataDir);
    await kept.release();
    await server.stop();
  }
}

async function defaultPlace(terminal: Terminal): Promise<string> {
  const { dir, blockedBy } = await chooseDevPlace(process.cwd());
  if (blockedBy !== undefined) {
    terminal.warn(`data are kept in ${dir}: run by root, PostgreSQL has another user, who may not enter ${blockedBy}`);
  }
  return dir;
}

interface Surroundings {
  readonly wish: StopWish;
  readonly signals: Signals;
  readonly terminal: Terminal;
}

/** Runs what a site needs until told to stop: its daemon, and a runner if there are handlers. */
async function serve(
  server: EmbeddedPostgres,
  handlers: readonly Handler[] | undefined,
  around: Surroundings,
): Promise<void> {
  const { wish, signals, terminal } = around;
  const key = await ownSiteKey(server);
  const given = { connectionString: server.url, key, clock: systemClock, signals, random: Math.random };
  await using daemon = await openDaemon({ ...given, stopped: new AbortController().signal });
  await using ledger = await openLedger({ connectionString: server.url, signals, maxConnections: 1 });
  daemon?.daemon.start();
  const runner = handlers === undefined ? undefined : runnerFor(ledger, handlers, wish);
  await runner?.start();
  await announce(server.dataDir, server.url);
  tellReady(server, ledger, terminal);
  await wish.first;
  await runner?.stop();
}

function runnerFor(ledger: Ledger, handlers: readonly Handler[], wish: StopWish): Runner {
  const runner = ledger.runner({ handlers });
  wish.second.addEventListener('abort', () => runner.hurry(), { once: true });
  return runner;
}

function tellReady(server: EmbeddedPostgres, ledger: Ledger, terminal: Terminal): void {
  if (terminal.json) {
    terminal.object({ ready: true, sites: [{ name: ledger.site, url: server.url }] });
    return;
  }
  const { bold, dim } = terminal.colors;
  terminal.line(`Site ${bold(ledger.site)} is ready on PostgreSQL ${server.version}: ${bold(server.url)}`);
  terminal.line(dim(`Data are kept in ${server.dataDir}. Ctrl-C stops it. Try in another shell, in this directory:`));
  terminal.line(`  npx taskledger submit greetings.say --input '{"name":"Ada"}'`);
  terminal.line(`  npx taskledger list`);
  terminal.line(`  npx taskledger history ID`);
}
