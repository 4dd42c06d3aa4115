import pg from 'pg';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openDaemon, type OpenDaemon } from '../../src/daemon/open-daemon.ts';
import { addSiteKey } from '../../src/events/blocks/known-key.ts';
import { createSiteKey, type SiteKey } from '../../src/events/blocks/site-key.ts';
import { openLedger, type Ledger } from '../../src/open-ledger.ts';
import type { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-server.ts';
import { startEmbeddedPostgres } from '../../src/postgres/embedded/start-embedded-postgres.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { readIdentity, type Transport } from '../../src/replication/peer.ts';
import { createSignals, type Signals } from '../../src/signals.ts';
import { urlOfDatabase, withConnection } from './admin-connection.ts';
import { cloneDatabase, createTestDatabase } from './database.ts';
import { inMemory } from './in-memory.ts';
import { placeForKeys } from './site-key-file.ts';
import { testDatabaseName } from './test-database-names.ts';
import { testBinaries } from './test-server.ts';
import { makeUnnamedTemplate } from './unnamed-template.ts';

/** A site of a test: a database, its key, its ledger, and a daemon that can be stopped and started. */
export interface TestSite {
  readonly name: string;
  /** Of a superuser. */
  readonly url: string;
  readonly pool: pg.Pool;
  readonly ledger: Ledger;
  readonly key: SiteKey;
  /** Where the key is; undefined for one that was given. */
  readonly keyFile: string | undefined;
  readonly signals: Signals;
  /** Starts the daemon; twice is fine. */
  serve(): Promise<void>;
  /** Stops the daemon; twice is fine. */
  rest(): Promise<void>;
}

interface SitesOptions {
  readonly transport?: Transport;
  /** How `from` reaches `to`: a proxy may be put between them. Default: directly. */
  readonly via?: (from: string, to: string, direct: string) => string | Promise<string>;
  /** A server for each of the first sites, which the test may kill (startSiteServers). Default: the one of the run. */
  readonly servers?: readonly EmbeddedPostgres[];
  /** Default true: every daemon runs. */
  readonly serving?: boolean;
}

/** Sites with these names, each in a database of its own, all of them peers; everything ends with the test. */
export async function openSites(names: readonly string[], options: SitesOptions = {}): Promise<TestSite[]> {
  const open = async (name: string, i: number): Promise<TestSite> => {
    const server = options.servers?.[i];
    return await openSite(name, server === undefined ? undefined : await databaseOn(server));
  };
  const sites = await Promise.all(names.map(open));
  await joinSites(sites, options);
  // All of them, before any is taken away: a daemon makes a slot anew that is missing at its peer.
  onTestFinished(async () => {
    await Promise.all(sites.map((site) => site.rest()));
  });
  if (options.serving !== false) await Promise.all(sites.map((site) => site.serve()));
  return sites;
}

/** Servers of a test file's own, with fsync, as in production; to be stopped at its end. */
export async function startSiteServers(count: number): Promise<EmbeddedPostgres[]> {
  const settings = { wal_level: 'logical', max_connections: '150', wal_retrieve_retry_interval: '500ms' };
  const start = (): Promise<EmbeddedPostgres> => startEmbeddedPostgres({ binaries: testBinaries(), settings });
  return await inMemory(() => Promise.all(Array.from({ length: count }, start)));
}

/** The same for all tests of a file: there once the first of them begins. */
export function siteServersOfFile(count: number): readonly EmbeddedPostgres[] {
  const servers: EmbeddedPostgres[] = [];
  beforeAll(async () => {
    servers.push(...(await startSiteServers(count)));
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop('immediate')));
  });
  return servers;
}

const unnamedOn = new WeakMap<EmbeddedPostgres, Promise<string>>();

/** A database for one test; it goes with its server. */
async function databaseOn(server: EmbeddedPostgres): Promise<string> {
  if (!unnamedOn.has(server)) unnamedOn.set(server, makeUnnamedTemplate(server.url));
  const name = testDatabaseName('test', Date.now());
  const template = (await unnamedOn.get(server)) ?? '';
  await withConnection(server.url, (admin) => cloneDatabase(admin, name, template));
  return urlOfDatabase(server.url, name);
}

/** Makes every two of these sites peers. */
export async function joinSites(
  sites: readonly Pick<TestSite, 'name' | 'url' | 'pool'>[],
  options: SitesOptions = {},
): Promise<void> {
  const { transport = 'logical', via = (_from: string, _to: string, direct: string): string => direct } = options;
  for (const from of sites) {
    for (const to of sites) {
      if (from === to) continue;
      const { id } = await readIdentity(to.pool);
      const values = [to.name, id, await via(from.name, to.name, to.url), transport];
      await from.pool.query('select taskledger.add_peer($1, $2, $3, $4)', values);
    }
  }
}

/** A site that has no peers yet; `url` and `known`: of a database that is there, and the key it knows. */
export async function openSite(name: string, url?: string, known?: SiteKey): Promise<TestSite> {
  const database = url === undefined ? await createTestDatabase({ unnamed: true }) : undefined;
  const own = url ?? database?.url ?? '';
  if (database !== undefined) onTestFinished(() => database.drop());
  await migrate({ connectionString: own, site: name });
  const pool = new pg.Pool({ connectionString: own, max: 4 });
  pool.on('error', () => undefined);
  onTestFinished(() => dropReplication(pool));
  const keyFile = known === undefined ? `${await placeForKeys()}/${name}.pem` : undefined;
  const key = known ?? (await createSiteKey(keyFile ?? ''));
  if (known === undefined) await addSiteKey(pool, key);
  const signals = createSignals();
  const ledger = await openLedger({ connectionString: own });
  let serving: OpenDaemon | undefined;
  const rest = async (): Promise<void> => {
    const daemon = serving;
    serving = undefined;
    await daemon?.[Symbol.asyncDispose]();
  };
  onTestFinished(async () => {
    await rest();
    await ledger.close();
  });
  return {
    name,
    url: own,
    pool,
    ledger,
    key,
    keyFile,
    signals,
    rest,
    async serve() {
      if (serving !== undefined) return;
      const stopped = new AbortController().signal;
      serving = await openDaemon({
        connectionString: own,
        key,
        clock: systemClock,
        signals,
        random: Math.random,
        stopped,
      });
      serving?.daemon.start();
    },
  };
}

/** A database with a subscription, or with a slot somebody reads, cannot be dropped. */
async function dropReplication(pool: pg.Pool): Promise<void> {
  await pool.query('select taskledger.unsubscribe(site) from taskledger.peers').catch(() => undefined);
  for (let attempt = 0; attempt < 50; attempt += 1) {
    try {
      await pool.query(
        'select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()',
      );
      break;
    } catch {
      await pool
        .query(
          'select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database() and active',
        )
        // The test may have taken its server away.
        .catch(() => undefined);
      await systemClock.sleep(50);
    }
  }
  await pool.end();
}
