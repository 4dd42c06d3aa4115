import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { LedgerError } from '../errors.ts';
import { isSiteName } from '../events/names.ts';
import { LOCAL_SITES_MAX } from './local-site.ts';

export interface DevSite {
  readonly name: string;
  readonly dataDir: string;
}

const onlySite = 'local';
/** Files and directories `dev` itself makes beside those of its sites. */
const taken: readonly string[] = ['data', 'url', 'pwfile'];

/** Reads `--sites ams,fra`. @throws LedgerError TASKLEDGER_INVALID_OPTION */
export function siteNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name, place) => !isSiteName(name) || taken.includes(name) || names.indexOf(name) !== place);
  if (wrong === undefined && names.length <= LOCAL_SITES_MAX) return names;
  throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `--sites to be 1 to ${LOCAL_SITES_MAX} different names of small letters, digits and -, such as ams,fra`,
    found: wrong === undefined ? `${names.length} names` : JSON.stringify(wrong.slice(0, 60)),
    remedy: taken.includes(wrong ?? '')
      ? `Choose another name: ${taken.join(', ')} are files of dev itself`
      : 'Correct it',
  });
}

/**
 * The sites to run and where each keeps its data: those that are named, each below `dir`; else those that were there the last
 * time; else one, `local`, in `dir` itself.
 */
export async function devSites(dir: string, named: readonly string[] | undefined): Promise<DevSite[]> {
  const names = named ?? (existsSync(join(dir, 'data')) ? [] : await sitesBelow(dir));
  if (names.length === 0) return [{ name: onlySite, dataDir: dir }];
  return names.map((name) => ({ name, dataDir: join(dir, name) }));
}

async function sitesBelow(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((): string[] => []);
  return names.filter((name) => isSiteName(name) && existsSync(join(dir, name, 'server.json'))).sort();
}
