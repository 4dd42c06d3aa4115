import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { lstat, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { LedgerError } from '../errors.ts';
import { findBlockedDirectory } from '../postgres/embedded/reachability.ts';
import { chooseServerAccount } from '../postgres/embedded/server-account.ts';

/** Where `taskledger dev` keeps its data unless told otherwise, below the current directory. */
export const DEFAULT_DEV_DIR = '.taskledger';

/** A server that listens answers at once on the same machine; one that hangs is as good as none. */
const answerWithinMs = 1000;

export interface DevPlace {
  readonly dir: string;
  /** The directory that keeps the database's system user out of the usual place, if one does. */
  readonly blockedBy: string | undefined;
}

/**
 * Where `dev` keeps its data by default: below `cwd`, or, when root may enter that and the system user of the database
 * may not (a home directory, say), below a place for temporary files that survives a restart.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION when somebody else owns that place
 */
export async function chooseDevPlace(cwd: string): Promise<DevPlace> {
  const usual = join(cwd, DEFAULT_DEV_DIR);
  const account = await chooseServerAccount(await stat(join(usual, 'data')).catch(() => undefined));
  if (account === undefined) return { dir: usual, blockedBy: undefined };
  const blockedBy = await findBlockedDirectory(existsSync(usual) ? usual : cwd, account);
  if (blockedBy === undefined) return { dir: usual, blockedBy };
  for (const dir of fallbacks(cwd)) {
    if ((await findBlockedDirectory(resolve(dir, '..'), account)) !== undefined) continue;
    await refuseForeign(dir);
    return { dir, blockedBy };
  }
  return { dir: usual, blockedBy: undefined };
}

/** Lets other commands find the server: a file only this user can read. */
export async function announce(dir: string, url: string): Promise<void> {
  await rm(urlFile(dir), { force: true });
  await writeFile(urlFile(dir), `${url}\n`, { mode: 0o600, flag: 'wx' });
}

export async function withdraw(dir: string): Promise<void> {
  await rm(urlFile(dir), { force: true });
}

/** The URL of the server `taskledger dev` runs for `cwd`; or the file of one that does not answer. */
export async function findDevUrl(cwd: string): Promise<{ readonly url?: string; readonly silent?: string }> {
  let silent: string | undefined;
  for (const dir of [join(cwd, DEFAULT_DEV_DIR), ...fallbacks(cwd)]) {
    const url = await readAnnounced(urlFile(dir));
    if (url === undefined) continue;
    if (await answers(url)) return { url: url.href };
    silent ??= urlFile(dir);
  }
  return silent === undefined ? {} : { silent };
}

function urlFile(dir: string): string {
  return join(dir, 'url');
}

function fallbacks(cwd: string): string[] {
  const name = `taskledger-${process.geteuid?.() ?? 0}-${createHash('sha256').update(cwd).digest('hex').slice(0, 12)}`;
  return [...new Set(['/var/tmp', tmpdir()])].map((place) => join(place, name));
}

/** Anybody may make a directory of that name in a place for temporary files, and read what we keep there. */
async function refuseForeign(dir: string): Promise<void> {
  const found = await lstat(dir).catch(() => undefined);
  if (found === undefined || (found.isDirectory() && found.uid === process.geteuid?.())) return;
  throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: `${dir} to be a directory of this user's`,
    found: 'one of somebody else',
    remedy: 'Choose a directory with --data, or remove that one',
  });
}

/** Only a file that this user alone could write, naming a server on this machine, is believed. */
async function readAnnounced(file: string): Promise<URL | undefined> {
  const found = await lstat(file).catch(() => undefined);
  if (found?.isFile() !== true) return undefined;
  if (process.geteuid !== undefined && (found.uid !== process.geteuid() || (found.mode & 0o077) !== 0))
    return undefined;
  const text = (await readFile(file, 'utf8').catch(() => '')).trim();
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.hostname === '127.0.0.1' ? url : undefined;
}

function answers(url: URL): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect({ host: url.hostname, port: Number(url.port) });
    const done = (alive: boolean): void => {
      socket.destroy();
      settle(alive);
    };
    socket.setTimeout(answerWithinMs, () => done(false));
    socket.once('connect', () => done(true));
    socket.once('error', () => done(false));
  });
}
