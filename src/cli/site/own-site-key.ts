import { join } from 'node:path';
import type { SiteKey } from '../../events/blocks/site-key.ts';
import type { EmbeddedPostgres } from '../../postgres/embedded/embedded-server.ts';
import { createPool } from '../../postgres/pool.ts';
import { keepSiteKey } from './keep-site-key.ts';

/** The key of a site on an embedded server, made at its first start; its file lies beside the database, not in it. */
export async function ownSiteKey({ url, dataDir }: EmbeddedPostgres): Promise<SiteKey> {
  const db = createPool({ connectionString: url, max: 1, applicationName: 'taskledger site key' });
  try {
    return (await keepSiteKey(db, join(dataDir, 'site-key.pem'))).key;
  } finally {
    await db.end();
  }
}
