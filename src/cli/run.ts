import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { waitForSite } from '../daemon/wait-for-site.ts';
import { openLedger } from '../open-ledger.ts';
import { createPool } from '../postgres/pool.ts';
import { createSignals, type Signals } from '../signals.ts';
import { connecting, connectionUrl, type ConnectionOptions } from './connection.ts';
import { loadHandlers } from './load-handlers.ts';
import { logSignals, openLogger } from './log-signals.ts';
import { duration, integer } from './parse-options.ts';
import { stopSignals, type StopWish } from './stop-signals.ts';
import { openTerminal } from './terminal.ts';

interface RunOptions extends ConnectionOptions {
  readonly handlers: string[];
  readonly concurrency?: number;
  readonly queues?: string[];
  readonly drain?: number;
  readonly ttl?: number;
}

export function addRun(program: Command): void {
  connecting(program.command('run'))
    .description('run handlers in this process until told to stop; logs go to stderr')
    .requiredOption('--handlers <module...>', 'JavaScript modules whose exported handlers are run')
    .option('--concurrency <n>', 'attempts at the same time (default: 10)', integer('--concurrency', 1, 10_000))
    .option('--queues <queue...>', 'only tasks of these queues (default: all)')
    .option(
      '--drain <duration>',
      'how long running attempts may take to finish when told to stop (default: 10s)',
      duration('--drain'),
    )
    .option('--ttl <duration>', 'how long a lease lasts without a renewal (default: 15s)', duration('--ttl'))
    .action(run);
}

async function run({ handlers: modules, concurrency, queues, drain, ttl, ...options }: RunOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  using wish = stopSignals(systemClock);
  const connectionString = await connectionUrl(options.url, terminal);
  const handlers = await loadHandlers(modules, process.cwd());
  const signals = createSignals();
  logSignals(signals, openLogger());
  // As the daemon does: whoever starts both with the machine need not start them in an order.
  if (!(await siteAnswers(connectionString, signals, wish))) return;
  const ledger = await openLedger({ connectionString, signals, maxConnections: 1 });
  try {
    const runner = ledger.runner({ handlers, concurrency, queues, drainMs: drain, leaseTtlMs: ttl });
    wish.second.addEventListener('abort', () => runner.hurry(), { once: true });
    await runner.start();
    await wish.first;
    await runner.stop();
  } finally {
    await ledger.close();
  }
}

/** Waits for a database that is away; false when told to stop first. */
async function siteAnswers(connectionString: string, signals: Signals, wish: StopWish): Promise<boolean> {
  const pool = createPool({ connectionString, max: 1, applicationName: 'taskledger run' });
  const stopping = new AbortController();
  void wish.first.then(() => stopping.abort());
  try {
    const waiting = { clock: systemClock, signals, stopped: stopping.signal, purpose: 'run' };
    const site = await Promise.race([waitForSite(pool, waiting), wish.first.then(() => undefined)]);
    return site !== undefined;
  } finally {
    await pool.end();
  }
}
