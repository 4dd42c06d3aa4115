import { readdir, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LedgerError } from '../../errors.ts';

export const MANIFEST_NAME = 'taskledger.plugin.json';

/**
 * The manifests of a directory: its own, and those of the directories in it. Links are followed, so `current` may point at a
 * version, and what is found twice by them counts once; names that begin with a dot are passed over, so that a deployment can prepare a directory and rename it into place.
 * @throws LedgerError TASKLEDGER_PLUGINS_INVALID when there is no such directory
 */
export async function findManifests(directory: string): Promise<string[]> {
  const root = resolve(directory);
  const names = await readdir(root).catch((cause: unknown) => {
    throw noDirectory(root, cause);
  });
  const places = [root, ...names.filter((name) => !name.startsWith('.')).map((name) => join(root, name))];
  const files = places.map((place) => join(place, MANIFEST_NAME)).sort();
  const real = await Promise.all(files.map(async (file) => await realpath(file).catch(() => undefined)));
  return files.filter((_file, index) => real[index] !== undefined && real.indexOf(real[index]) === index);
}

function noDirectory(root: string, cause: unknown): LedgerError {
  return new LedgerError('TASKLEDGER_PLUGINS_INVALID', {
    expected: `a directory of plugins at ${root}`,
    found: `none that can be read (${String((cause as NodeJS.ErrnoException).code)})`,
    remedy: 'Check the path; a relative one is taken from the current directory',
    cause,
  });
}
