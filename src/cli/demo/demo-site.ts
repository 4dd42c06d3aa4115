import { systemClock } from '../../clock.ts';
import { openDaemon } from '../../daemon/open-daemon.ts';
import { openLedger, type Ledger } from '../../open-ledger.ts';
import type { EmbeddedPostgres } from '../../postgres/embedded/embedded-server.ts';
import { startEmbeddedPostgres } from '../../postgres/embedded/start-embedded-postgres.ts';
import { migrate } from '../../postgres/migrate.ts';
import { createPool } from '../../postgres/pool.ts';
import { createSignals } from '../../signals.ts';
import { ownSiteKey } from '../site/own-site-key.ts';

/** A site of its own in a temporary directory, gone when it is closed. */
export interface DemoSite {
  readonly server: EmbeddedPostgres;
  readonly ledger: Ledger;
  /** What the demo's application uses: its own tables live beside the ledger's schema. */
  readonly app: ReturnType<typeof createPool>;
  /** To be called before the server stops, last one first. */
  readonly atClose: (() => Promise<void>)[];
  close(): Promise<void>;
}

export async function openDemoSite(name: string): Promise<DemoSite> {
  const server = await startEmbeddedPostgres();
  try {
    await migrate({ connectionString: server.url, site: name });
    const ledger = await openLedger({ connectionString: server.url, maxConnections: 6 });
    const app = createPool({ connectionString: server.url, max: 4, applicationName: 'demo app' });
    await app.query(`create table payouts (id text primary key, cents int not null, iban text not null);
                     create table bank_transfers (payout_id text not null, reference text not null)`);
    const atClose: (() => Promise<void>)[] = [await startDaemon(server)];
    const close = async (): Promise<void> => {
      for (const end of atClose.splice(0).reverse()) await end().catch(() => undefined);
      await Promise.allSettled([ledger.close(), app.end()]);
      await server.stop();
    };
    return { server, ledger, app, atClose, close };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** The site's daemon with a key of its own: seals while the demo runs. @returns what ends it */
async function startDaemon(server: EmbeddedPostgres): Promise<() => Promise<void>> {
  const open = await openDaemon({
    connectionString: server.url,
    key: await ownSiteKey(server),
    clock: systemClock,
    signals: createSignals(),
    random: Math.random,
    stopped: new AbortController().signal,
  });
  open?.daemon.start();
  return async () => await open?.[Symbol.asyncDispose]();
}
