import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { openDaemon } from '../daemon/open-daemon.ts';
import { createSignals } from '../signals.ts';
import { connecting, connectionUrl, type ConnectionOptions } from './connection.ts';
import { namedSiteKey } from './site/site-key-option.ts';
import { logSignals, openLogger } from './log-signals.ts';
import { keepHeapSmall } from './small-heap.ts';
import { stopSignals } from './stop-signals.ts';
import { openTerminal } from './terminal.ts';

interface ServeOptions extends ConnectionOptions {
  readonly key?: string;
}

export function addServe(program: Command): void {
  connecting(program.command('serve'))
    .description(
      'the daemon of a site, until told to stop: ends lost leases, missed windows and passed deadlines, seals blocks; logs go to stderr',
    )
    .option(
      '--key <file>',
      'private key to seal blocks with (default: TASKLEDGER_SITE_KEY or TASKLEDGER_SITE_KEY_FILE)',
    )
    .addHelpText(
      'after',
      `
A database that is away is waited for, at the start and later. Any number of daemons may serve one site; one of them seals, and
another takes over when it ends. Without a key nothing is sealed here. With --json one object is printed once it is ready:
{"ready":true,"site":…,"services":[…],"sealing":…}.`,
    )
    .action(serve);
}

const notSealing =
  'no key, so nothing is sealed here, and what is recorded can be changed unnoticed. Make one with: taskledger site init --key FILE, then serve with --key FILE or TASKLEDGER_SITE_KEY_FILE=FILE';

async function serve(options: ServeOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  using wish = stopSignals(systemClock);
  const key = await namedSiteKey(options.key);
  const connectionString = await connectionUrl(options.url, terminal);
  const signals = createSignals();
  logSignals(signals, openLogger());
  const stopping = new AbortController();
  void wish.first.then(() => stopping.abort());
  const opened = openDaemon({
    connectionString,
    key,
    clock: systemClock,
    signals,
    random: Math.random,
    stopped: stopping.signal,
  });
  // Told to stop while a connection comes about, it does not wait for that: nothing has begun that would have to end.
  const open = await Promise.race([opened, wish.first.then(() => undefined)]);
  if (open === undefined) return;
  const { site, daemon } = open;
  daemon.start();
  keepHeapSmall();
  if (key === undefined) terminal.warn(notSealing);
  if (terminal.json) terminal.object({ ready: true, site, services: daemon.services, sealing: key !== undefined });
  await wish.first;
  // A second signal does not wait for a run that hangs: what it did not commit, the next daemon does.
  await Promise.race([open[Symbol.asyncDispose](), aborted(wish.second)]);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
