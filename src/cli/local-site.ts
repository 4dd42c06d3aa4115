import { systemClock } from '../clock.ts';
import { openDaemon } from '../daemon/open-daemon.ts';
import { openLedger, type Ledger } from '../open-ledger.ts';
import type { EmbeddedPostgres } from '../postgres/embedded/embedded-server.ts';
import { startEmbeddedPostgres } from '../postgres/embedded/start-embedded-postgres.ts';
import { migrate } from '../postgres/migrate.ts';
import type { Signals } from '../signals.ts';
import { keepServer } from './keep-server.ts';
import { ownSiteKey } from './site/own-site-key.ts';

/** A site on a PostgreSQL of its own, migrated and served by this process: what `dev` and `demo` run. */
export interface LocalSite extends AsyncDisposable {
  readonly name: string;
  readonly server: EmbeddedPostgres;
  readonly ledger: Ledger;
  /** Called when it is closed, before its server stops; the last one first. */
  readonly atClose: (() => Promise<unknown>)[];
}

export interface LocalSiteOptions {
  readonly name: string;
  /** Default: a temporary one, removed at the end. */
  readonly dataDir?: string | undefined;
  readonly port?: number | undefined;
  /** Of this site alone. */
  readonly signals: Signals;
  /** Of its ledger. */
  readonly maxConnections: number;
}

/** More than this need more slots and processes than `siteSettings` gives. */
export const LOCAL_SITES_MAX = 8;

/** What shipping between sites wants of a server, for up to `LOCAL_SITES_MAX` of them. */
const siteSettings = {
  max_worker_processes: '32',
  max_logical_replication_workers: '20',
  max_replication_slots: '20',
  max_wal_senders: '20',
  // A site that stays away does not fill the disk of the others: what it then misses is pulled.
  max_slot_wal_keep_size: '2GB',
  wal_retrieve_retry_interval: '500ms',
};

/**
 * Starts the server, brings its database to this release and runs the daemon. A server that is killed is started again.
 * @throws LedgerError as startEmbeddedPostgres, migrate and openLedger do
 */
export async function openLocalSite(options: LocalSiteOptions): Promise<LocalSite> {
  const { name, dataDir, port, signals } = options;
  const server = await startEmbeddedPostgres({ dataDir, port, signals, settings: siteSettings });
  const kept = keepServer(server, { clock: systemClock, signals });
  const atClose: LocalSite['atClose'] = [];
  const close = async (): Promise<void> => {
    // What fails to end would have ended with its server anyway.
    for (const end of atClose.splice(0).reverse()) await end().catch(() => undefined);
    await kept.release();
    await server.stop();
  };
  try {
    await migrate({ connectionString: server.url, site: name, signals });
    const ledger = await openLedger({ connectionString: server.url, signals, maxConnections: options.maxConnections });
    atClose.push(() => ledger.close());
    atClose.push(await startDaemon(server, signals));
    return { name, server, ledger, atClose, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Opens all of them at the same time. @throws the first failure, when those that were opened are closed again */
export async function openLocalSites(options: readonly LocalSiteOptions[]): Promise<LocalSite[]> {
  const results = await Promise.allSettled(options.map(openLocalSite));
  const sites = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return sites;
  await closeLocalSites(sites);
  throw failed.reason;
}

/** All at the same time: a server that stops waits for those that read from it, and they end with theirs. */
export async function closeLocalSites(sites: readonly LocalSite[]): Promise<void> {
  await Promise.all(sites.map((site) => site[Symbol.asyncDispose]()));
}

/** The site's daemon, with a key of its own. @returns what ends it */
async function startDaemon(server: EmbeddedPostgres, signals: Signals): Promise<() => Promise<void>> {
  const open = await openDaemon({
    connectionString: server.url,
    key: await ownSiteKey(server),
    clock: systemClock,
    signals,
    random: Math.random,
    stopped: new AbortController().signal,
  });
  open?.daemon.start();
  return async () => await open?.[Symbol.asyncDispose]();
}
