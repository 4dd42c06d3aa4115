import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { openLedger } from '../open-ledger.ts';
import { createSignals } from '../signals.ts';
import { connecting, connectionUrl, type ConnectionOptions } from './connection.ts';
import { loadHandlers } from './load-handlers.ts';
import { logSignals, openLogger } from './log-signals.ts';
import { duration, integer } from './parse-options.ts';
import { stopSignals } from './stop-signals.ts';
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
