import pg from 'pg';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { openDaemon, type OpenDaemon } from '../../src/daemon/open-daemon.ts';
import { addSiteKey } from '../../src/events/blocks/known-key.ts';
import { createSiteKey, type SiteKey } from '../../src/events/blocks/site-key.ts';
import { openLedger, type Ledger } from '../../src/open-ledger.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { readIdentity, type Transport } from '../../src/replication/peer.ts';
import { createSignals, type Signals } from '../../src/signals.ts';
import { createTestDatabase } from './database.ts';
import { placeForKeys } from './site-key-file.ts';

/** A site of a test: a database, its key, its ledger, and a daemon that can be stopped and started. */
export interface TestSite {
  readonly name: string;
  /** Of a superuser. */
  readonly url: string;
  readonly pool: pg.Pool;
  readonly ledger: Ledger;
  readonly key: SiteKey;
  readonly signals: Signals;
  /** Starts the daemon; twice is fine. */
  serve(): Promise<void>;
  /** Stops the daemon; twice is fine. */
  rest(): Promise<void>;
}

interface SitesOptions {
  readonly transport?: Transport;
  /** How `from` reaches `to`: a proxy may be put between them. Default: directly. */
  readonly via?: (from: string, to: string, direct: string) => string;
  /** Default true: every daemon runs. */
  readonly serving?: boolean;
}

/** Sites with these names, each in a database of its own, all of them peers; everything ends with the test. */
export async function openSites(names: readonly string[], options: SitesOptions = {}): Promise<TestSite[]> {
  const sites: TestSite[] = [];
  for (const name of names) sites.push(await openSite(name));
  await joinSites(sites, options);
  if (options.serving !== false) await Promise.all(sites.map((site) => site.serve()));
  return sites;
}

/** Makes every two of these sites peers. */
export async function joinSites(sites: readonly TestSite[], options: SitesOptions = {}): Promise<void> {
  const { transport = 'logical', via = (_from, _to, direct) => direct } = options;
  for (const from of sites) {
    for (const to of sites) {
      if (from === to) continue;
      const { id } = await readIdentity(to.pool);
      const values = [to.name, id, via(from.name, to.name, to.url), transport];
      await from.pool.query('select taskledger.add_peer($1, $2, $3, $4)', values);
    }
  }
}

/** A site that has no peers yet. */
export async function openSite(name: string, url?: string): Promise<TestSite> {
  const database = url === undefined ? await createTestDatabase({ empty: true }) : undefined;
  const own = url ?? database?.url ?? '';
  if (database !== undefined) onTestFinished(() => database.drop());
  await migrate({ connectionString: own, site: name });
  const pool = new pg.Pool({ connectionString: own, max: 4 });
  pool.on('error', () => undefined);
  if (database !== undefined) onTestFinished(() => dropReplication(pool));
  const key = await createSiteKey(`${await placeForKeys()}/${name}.pem`);
  await addSiteKey(pool, key);
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
    signals,
    rest,
    async serve() {
      if (serving !== undefined) return;
      const stopped = new AbortController().signal;
      serving = await openDaemon({ connectionString: own, key, clock: systemClock, signals, random: Math.random, stopped });
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
      await pool.query(
        'select pg_terminate_backend(active_pid) from pg_replication_slots where database = current_database() and active',
      );
      await systemClock.sleep(50);
    }
  }
  await pool.end();
}
