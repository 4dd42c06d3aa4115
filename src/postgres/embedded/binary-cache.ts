import { cp, lstat, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { LedgerError } from '../../errors.ts';
import { makeLibraryLinks } from './library-links.ts';
import { runCommand } from './run-command.ts';
import { chooseTemporaryPlace } from './temporary-place.ts';
import type { ServerAccount } from './server-account.ts';

const stagingPrefix = 'taskledger-staging-';
const staleStagingMs = 3_600_000;

/** By directory: several servers started at once by this process share one copy. */
const underWay = new Map<string, Promise<string>>();

/**
 * Copies a binary package to where the account can reach it, once per version and user. Several starters at once are
 * safe: each copies on its own and the first rename wins. A copy that lost files to a cleaner of temporary directories
 * is replaced.
 * @returns the directory that holds `native/`.
 * @throws LedgerError TASKLEDGER_NO_POSTGRES_BINARY if something of another user stands in its place.
 */
export async function copyToCache(
  packageDir: string,
  label: string,
  account: ServerAccount | undefined,
): Promise<string> {
  const place = await chooseTemporaryPlace(account);
  const cache = join(place, `taskledger-binaries-${label}-${process.geteuid?.() ?? 0}`);
  const copying = underWay.get(cache) ?? copyUnlessComplete(packageDir, cache).finally(() => underWay.delete(cache));
  underWay.set(cache, copying);
  return await copying;
}

async function copyUnlessComplete(packageDir: string, cache: string): Promise<string> {
  if (await isComplete(cache, packageDir)) return cache;
  const staging = await mkdtemp(join(dirname(cache), stagingPrefix));
  await removeStaleStaging(staging);
  try {
    await copyPackage(packageDir, staging);
    if (await install(staging, cache, packageDir)) return cache;
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  // Nobody else's programs are ever run, whatever they are called.
  throw new LedgerError('TASKLEDGER_NO_POSTGRES_BINARY', {
    expected: `to keep a copy of the PostgreSQL programs in ${cache}`,
    found: 'something there that this user cannot replace',
    remedy: 'Remove it, or set TMPDIR to a directory of your own',
  });
}

async function copyPackage(packageDir: string, staging: string): Promise<void> {
  await mkdir(join(staging, 'native'));
  await cp(join(packageDir, 'native'), join(staging, 'native'), {
    recursive: true,
    verbatimSymlinks: true,
    filter: isWanted,
  });
  // The originals may be readable to their owner only, or writable to nobody.
  await runCommand('chmod', ['-R', 'u+w,a+rX,go-w', staging], undefined);
  await makeLibraryLinks(staging);
}

/** Static libraries and what builds extensions are a good part of the package and of no use here. */
function isWanted(source: string): boolean {
  return !/\.a$|\/pgxs$|\/pkgconfig$/.test(source);
}

async function install(staging: string, cache: string, packageDir: string): Promise<boolean> {
  if (await succeeds(rename(staging, cache))) return true;
  if (await isComplete(cache, packageDir)) return true;
  await rename(cache, join(staging, 'replaced')).catch(() => undefined);
  await rename(join(staging, 'replaced'), `${staging}-replaced`).catch(() => undefined);
  await rm(`${staging}-replaced`, { recursive: true, force: true }).catch(() => undefined);
  return (await succeeds(rename(staging, cache))) || (await isComplete(cache, packageDir));
}

/** Whether the copy is ours alone to write and still has every file of the original. */
async function isComplete(cache: string, packageDir: string): Promise<boolean> {
  const info = await lstat(cache).catch(() => undefined);
  if (info?.isDirectory() !== true || info.uid !== process.geteuid?.() || (info.mode & 0o022) !== 0) return false;
  const original = join(packageDir, 'native');
  const entries = await readdir(original, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const wanted = files.filter(
    (file) => !file.split('/').some((_, at, all) => !isWanted(all.slice(0, at + 1).join('/'))),
  );
  const present = wanted.map(
    async (file) => (await sizeOf(join(cache, file.slice(packageDir.length)))) === (await sizeOf(file)),
  );
  return !(await Promise.all(present)).includes(false) && (await makeLibraryLinks(cache));
}

async function sizeOf(file: string): Promise<number | undefined> {
  return (await stat(file).catch(() => undefined))?.size;
}

/** What a starter that was killed while copying left behind, judged by the file system's clock. */
async function removeStaleStaging(fresh: string): Promise<void> {
  const { mtimeMs: now, uid } = await lstat(fresh);
  for (const name of await readdir(dirname(fresh))) {
    const path = join(dirname(fresh), name);
    const info = name.startsWith(stagingPrefix) ? await lstat(path).catch(() => undefined) : undefined;
    if (info?.uid !== uid || now - info.mtimeMs < staleStagingMs) continue;
    await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function succeeds(attempt: Promise<unknown>): Promise<boolean> {
  return await attempt.then(
    () => true,
    () => false,
  );
}
