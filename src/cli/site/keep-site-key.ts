import { existsSync } from 'node:fs';
import { addSiteKey } from '../../events/blocks/known-key.ts';
import { createSiteKey, loadSiteKey, type SiteKey } from '../../events/blocks/site-key.ts';
import type { Queryable } from '../../postgres/queryable.ts';

export interface KeptSiteKey {
  readonly key: SiteKey;
  /** The file was not there, and holds a new key now. */
  readonly created: boolean;
  /** The site did not know it before. */
  readonly added: boolean;
}

/**
 * Takes the private key in `file`, or makes one there, and makes it known to the site. Begun again after a failure it goes on:
 * a file that was written is taken, a key that was added stays.
 * @throws LedgerError TASKLEDGER_SITE_KEY_INVALID, and whatever pg throws
 */
export async function keepSiteKey(db: Queryable, file: string): Promise<KeptSiteKey> {
  const created = !existsSync(file);
  const key = created ? await createSiteKey(file) : await loadSiteKey({ file });
  return { key, created, added: await addSiteKey(db, key) };
}
