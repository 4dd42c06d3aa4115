import { readConfig } from '../../config.ts';
import { loadSiteKey, type SiteKey } from '../../events/blocks/site-key.ts';

/**
 * The private key to seal with: that of `--key`, else of TASKLEDGER_SITE_KEY, else of TASKLEDGER_SITE_KEY_FILE; undefined
 * when none is named.
 * @throws LedgerError TASKLEDGER_SITE_KEY_INVALID
 */
export async function namedSiteKey(file: string | undefined): Promise<SiteKey | undefined> {
  const pem = file === undefined ? readConfig('TASKLEDGER_SITE_KEY') : undefined;
  const place = { pem, file: file ?? readConfig('TASKLEDGER_SITE_KEY_FILE') };
  return place.pem === undefined && place.file === undefined ? undefined : await loadSiteKey(place);
}
