import { createPool } from '../../postgres/pool.ts';
import { createSignals } from '../../signals.ts';
import { openLocalSite, type LocalSite } from '../local-site.ts';

/** A site of its own in a temporary directory, gone when it is closed. */
export interface DemoSite extends LocalSite {
  /** What the demo's application uses: its own tables live beside the ledger's schema. */
  readonly app: ReturnType<typeof createPool>;
}

export async function openDemoSite(name: string): Promise<DemoSite> {
  const site = await openLocalSite({ name, signals: createSignals(), maxConnections: 6 });
  try {
    const app = createPool({ connectionString: site.server.url, max: 4, applicationName: 'demo app' });
    site.atClose.push(() => app.end());
    await app.query(`create table payouts (id text primary key, cents int not null, iban text not null);
                     create table bank_transfers (payout_id text not null, reference text not null)`);
    return { ...site, app };
  } catch (error) {
    await site[Symbol.asyncDispose]();
    throw error;
  }
}
