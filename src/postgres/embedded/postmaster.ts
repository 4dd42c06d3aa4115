import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../../clock.ts';
import type { LedgerError } from '../../errors.ts';
import type { Binaries } from './binaries.ts';
import type { DataDir } from './data-dir.ts';
import { startGuarded } from './guard.ts';
import type { Guarded } from './guard.ts';
import { readPostmasterFile } from './postmaster-file.ts';
import { openLog } from './server-log.ts';

const startTimeoutMs = 120_000;
const pollMs = 15;
const attempts = 20;

export interface PostmasterOptions {
  readonly dataDir: DataDir;
  readonly binaries: Binaries;
  /** Server settings by name, over our own. */
  readonly settings: Readonly<Record<string, string>>;
  readonly clock: Clock;
  /** The only port to take, or `preferred`: to try first. */
  readonly port: { readonly fixed?: number | undefined; readonly preferred?: number | undefined };
}

export interface Postmaster {
  readonly guarded: Guarded;
  readonly port: number;
}

/** What is written over PostgreSQL's own defaults. Durability stays as it is: on. */
const ourSettings: Readonly<Record<string, string>> = {
  timezone: 'UTC',
  log_timezone: 'UTC',
  wal_level: 'logical',
  max_connections: '100',
  shared_buffers: '128MB',
};

/** What nobody may override: reachable from this machine only, and log and lifeline where we expect them. */
const fixedSettings: Readonly<Record<string, string>> = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  logging_collector: 'off',
  log_destination: 'stderr',
};

/**
 * Starts the server and waits until it accepts connections.
 * @throws LedgerError TASKLEDGER_EMBEDDED_FAILED with the last lines of its log.
 */
export async function startPostmaster(options: PostmasterOptions): Promise<Postmaster> {
  for (let attempt = 1; ; attempt += 1) {
    const preferred = attempt === 1 ? options.port.preferred : undefined;
    const port = options.port.fixed ?? preferred ?? (await findFreePort());
    const outcome = await tryPort(options, port);
    if (outcome.kind === 'started') return outcome.postmaster;
    const mayRetry =
      outcome.kind === 'memory-in-use' || (outcome.kind === 'port-taken' && options.port.fixed === undefined);
    if (!mayRetry || attempt === attempts) throw outcome.error;
    // Processes of a killed server notice within moments that their postmaster is gone.
    if (outcome.kind === 'memory-in-use') await options.clock.sleep(250);
  }
}

type Attempt =
  | { readonly kind: 'started'; readonly postmaster: Postmaster }
  | { readonly kind: 'port-taken' | 'memory-in-use' | 'failed'; readonly error: LedgerError };

async function tryPort({ dataDir, binaries, settings, clock }: PostmasterOptions, port: number): Promise<Attempt> {
  const log = await openLog(dataDir);
  try {
    const all = { ...ourSettings, ...settings, ...fixedSettings, port: String(port) };
    const guarded = await startGuarded({
      file: binaries.postgres,
      args: ['-D', dataDir.cluster, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
      account: dataDir.account,
      logFd: log.fd,
      temporaryDir: dataDir.temporary ? dataDir.root : undefined,
    });
    const found = await waitUntilReady(dataDir, guarded, clock);
    if (found === 'ready') return { kind: 'started', postmaster: { guarded, port } };
    await guarded.finish('QUIT', 'keep');
    const error = await log.failure(`the server to accept connections on port ${port}`, found);
    return { kind: classify(await log.read()), error };
  } finally {
    await log.close();
  }
}

function classify(log: string): 'port-taken' | 'memory-in-use' | 'failed' {
  if (/could not bind .*Address already in use/.test(log)) return 'port-taken';
  return /pre-existing shared memory block/.test(log) ? 'memory-in-use' : 'failed';
}

/** Believes only what this very server wrote: on its port somebody else might answer. */
async function waitUntilReady({ cluster }: DataDir, guarded: Guarded, clock: Clock): Promise<string> {
  const deadline = clock.monotonic() + startTimeoutMs;
  while (clock.monotonic() < deadline) {
    if (!guarded.running) return 'that it ended';
    const file = await readPostmasterFile(cluster);
    if (file?.pid === guarded.pid && file.status === 'ready') return 'ready';
    await Promise.race([clock.sleep(pollMs), guarded.ended]);
  }
  return `that it was not ready after ${startTimeoutMs / 1000} s`;
}

async function findFreePort(): Promise<number> {
  const probe = createServer();
  probe.listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}
