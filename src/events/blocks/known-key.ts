import { LedgerError } from '../../errors.ts';
import type { Queryable } from '../../postgres/queryable.ts';
import type { SiteKey } from './site-key.ts';

/**
 * Makes the public half of a key known to the site of this database; answers whether it was new. From then on blocks may be
 * signed with it. Keys that were known stay so, for the blocks they signed.
 * @throws whatever pg throws; the caller translates
 */
export async function addSiteKey(db: Queryable, { publicKey }: SiteKey): Promise<boolean> {
  const { rows } = await db.query('select taskledger.add_site_key($1) as is_new', [publicKey]);
  return (rows[0] as { is_new: boolean }).is_new;
}

/**
 * Who seals must not add keys: whoever could start a sealer could then sign history in the site's name.
 * @throws LedgerError TASKLEDGER_SITE_KEY_UNKNOWN
 */
export async function requireKnownKey(db: Queryable, site: string, { keyId }: SiteKey): Promise<void> {
  const { rows } = await db.query('select from taskledger.site_keys k where k.site = $1 and k.key_id = $2', [
    site,
    keyId,
  ]);
  if (rows.length > 0) return;
  throw new LedgerError('TASKLEDGER_SITE_KEY_UNKNOWN', {
    expected: `a key that site ${site} knows`,
    found: `key ${keyId}, which was never added to it`,
    remedy: 'Use the key the site was given, or add this one with: taskledger site init --key FILE',
  });
}
