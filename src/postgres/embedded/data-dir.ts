import { chmod, chown, mkdir, mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { LedgerError } from '../../errors.ts';
import { claimDirectory } from './ownership.ts';
import { removeStalePostmasterFile, serverProcesses, stopOrphanedServer } from './postmaster-file.ts';
import { findBlockedDirectory } from './reachability.ts';
import { chooseServerAccount } from './server-account.ts';
import type { ServerAccount } from './server-account.ts';
import { chooseTemporaryPlace } from './temporary-place.ts';

export const temporaryPrefix = 'taskledger-postgres-';

/** A directory claimed for one server: the cluster itself in `data/`, and beside it log, password and owner. */
export interface DataDir {
  readonly root: string;
  /** What PostgreSQL calls its data directory. */
  readonly cluster: string;
  readonly log: string;
  readonly temporary: boolean;
  /** Whom the cluster belongs to and the server runs as; undefined: this process's user. */
  readonly account: ServerAccount | undefined;
  /** Gives the claim up. */
  readonly release: () => Promise<void>;
}

/**
 * Makes (in a temporary place, if `dataDir` is undefined) or opens a data directory and claims it for this process. A
 * server left behind there by a dead process is stopped first.
 * @throws LedgerError TASKLEDGER_DATA_DIR_IN_USE, TASKLEDGER_INVALID_OPTION
 */
export async function openDataDir(dataDir: string | undefined): Promise<DataDir> {
  return dataDir === undefined ? await makeTemporary() : await openKept(resolve(dataDir));
}

async function makeTemporary(): Promise<DataDir> {
  const account = await chooseServerAccount();
  const root = await mkdtemp(join(await chooseTemporaryPlace(account), temporaryPrefix));
  const claim = await claimDirectory(root);
  if (claim.kind === 'taken') throw inUse(root, 'another process');
  // The guard, which runs as the account, must be able to remove it.
  if (account !== undefined) await chown(root, account.uid, account.gid);
  return { ...partsOf(root), temporary: true, account, release: claim.release };
}

async function openKept(root: string): Promise<DataDir> {
  const parts = partsOf(root);
  const account = await chooseServerAccount(await stat(parts.cluster).catch(() => undefined));
  await makeReachable(root, account);
  await refuseForeignContent(root);
  const claim = await claimDirectory(root).catch((cause: unknown) => {
    throw unusable(root, 'this user can write to', cause, 'Choose another directory, or run as its owner');
  });
  if (claim.kind === 'taken') throw inUse(root, `process ${claim.by.pid}, which is running`);
  try {
    await settlePreviousServer(parts.cluster, account, claim.previous?.liveness === 'dead');
  } catch (error) {
    await claim.release();
    throw error;
  }
  return { ...parts, temporary: false, account, release: claim.release };
}

function partsOf(root: string): Pick<DataDir, 'root' | 'cluster' | 'log'> {
  return { root, cluster: join(root, 'data'), log: join(root, 'server.log') };
}

async function makeReachable(root: string, account: ServerAccount | undefined): Promise<void> {
  const created = await mkdir(root, { recursive: true, mode: 0o755 }).catch((cause: unknown) => {
    throw unusable(root, 'that can be created', cause, 'Choose another directory');
  });
  if (created !== undefined) await chmod(root, account === undefined ? 0o700 : 0o755);
  const blocked = await findBlockedDirectory(root, account);
  if (blocked === undefined) return;
  if (created !== undefined) await rm(created, { recursive: true, force: true });
  throw unusable(
    root,
    `${account?.name ?? 'this user'} can reach (PostgreSQL refuses to run as root, so the server runs as that user)`,
    `that it may not enter ${blocked}`,
    `Choose a data directory elsewhere, run as a user other than root, or allow it with: chmod o+x '${blocked}'`,
  );
}

/** A directory that holds anything else is somebody's project, or a cluster made by other means: never touch it. */
async function refuseForeignContent(root: string): Promise<void> {
  const names = await readdir(root).catch((): string[] => []);
  if (names.includes('data') && names.includes('server.json')) return;
  const foreign = names.find(
    (name) => !/^(owner\.json|server\.json|server(\.previous)?\.log|data\.new|pwfile)/.test(name),
  );
  if (foreign === undefined) return;
  throw unusable(root, 'that is empty or was made by taskledger', `${foreign} in it`, 'Choose another directory');
}

async function settlePreviousServer(
  cluster: string,
  account: ServerAccount | undefined,
  starterIsDead: boolean,
): Promise<void> {
  const file = await readFile(join(cluster, 'postmaster.pid'), 'utf8').catch(() => undefined);
  if (file === undefined) return;
  if ((await serverProcesses(cluster, account)).length > 0) {
    const pid = file.split('\n')[0] ?? '';
    if (!starterIsDead) throw inUse(cluster, `a server (process ${pid}) that another program started`);
    if (!(await stopOrphanedServer(cluster, account)))
      throw inUse(cluster, `a server (process ${pid}) that does not stop`);
  }
  await removeStalePostmasterFile(cluster);
}

function inUse(directory: string, by: string): LedgerError {
  return new LedgerError('TASKLEDGER_DATA_DIR_IN_USE', {
    expected: `the data directory ${directory} to be free`,
    found: `it in use by ${by}`,
    remedy: 'Stop that one first, or choose another data directory',
  });
}

function unusable(directory: string, expected: string, found: unknown, remedy: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `a data directory ${expected}`,
    found: `${directory}, and ${String(found)}`,
    remedy,
    cause: found,
  });
}
