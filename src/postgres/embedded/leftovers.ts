import { lstat, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Signals } from '../../signals.ts';
import { temporaryPrefix } from './data-dir.ts';
import { readOwner } from './ownership.ts';
import { stopOrphanedServer } from './postmaster-file.ts';
import { runCommand } from './run-command.ts';
import type { ServerAccount } from './server-account.ts';
import { temporaryPlaces } from './temporary-place.ts';

const unclaimedMs = 600_000;

/**
 * Stops servers and removes temporary directories whose starter died together with its guard. Everything is done as
 * the server's account and only to what belongs to it, because anybody may put things into a temporary directory.
 */
export async function removeLeftovers(
  account: ServerAccount | undefined,
  now: number,
  signals?: Signals,
): Promise<void> {
  for (const place of temporaryPlaces()) {
    const names = await readdir(place).catch(() => []);
    for (const name of names.filter((each) => each.startsWith(temporaryPrefix))) {
      const dataDir = join(place, name);
      if (await removeIfDead(dataDir, account, now)) signals?.emit('postgres.leftover_removed', { dataDir });
    }
  }
}

async function removeIfDead(directory: string, account: ServerAccount | undefined, now: number): Promise<boolean> {
  const info = await lstat(directory).catch(() => undefined);
  if (info?.isDirectory() !== true) return false;
  const owner = await readOwner(directory);
  // Between making and claiming a directory there is a moment; a starter that died in it left an empty one.
  if (owner === undefined && info.uid === process.geteuid?.() && now - info.mtimeMs > unclaimedMs) {
    return await rmdir(directory).then(
      () => true,
      () => false,
    );
  }
  if (owner?.liveness !== 'dead' || info.uid !== (account?.uid ?? process.geteuid?.())) return false;
  if (!(await stopOrphanedServer(join(directory, 'data'), account))) return false;
  await removeTemporaryDir(directory, account);
  return true;
}

/** Removes a temporary directory as the account it belongs to. */
export async function removeTemporaryDir(directory: string, account: ServerAccount | undefined): Promise<void> {
  await runCommand('rm', ['-rf', '--', directory], account);
  // Where only root may remove from the place, the account leaves it empty.
  await rmdir(directory).catch(() => undefined);
}
