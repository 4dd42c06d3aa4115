import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { LedgerError } from '../../errors.ts';
import type { Binaries } from './binaries.ts';
import type { DataDir } from './data-dir.ts';
import { startGuarded } from './guard.ts';
import { openLog } from './server-log.ts';

const serverState = z.object({ superuser: z.string(), password: z.string(), port: z.number().optional() });

/** What has to be remembered to reach the server again. Lies beside the cluster, readable to its owner only. */
export type ServerState = z.infer<typeof serverState>;

/**
 * Opens the cluster, making it first if there is none. A half-made one is never taken for a whole one.
 * @throws LedgerError TASKLEDGER_EMBEDDED_FAILED if it was made by another major version, or cannot be made.
 */
export async function openCluster(dataDir: DataDir, binaries: Binaries, superuser: string): Promise<ServerState> {
  const version = await readFile(join(dataDir.cluster, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version === undefined) return await initCluster(dataDir, binaries, superuser);
  if (version.trim() !== binaries.major) throw otherMajor(dataDir, version.trim(), binaries);
  const text = await readFile(stateFile(dataDir), 'utf8').catch(() => undefined);
  const state = serverState.safeParse(JSON.parse(text ?? 'null'));
  if (state.success) return state.data;
  throw new LedgerError('TASKLEDGER_EMBEDDED_FAILED', {
    expected: `the superuser's password in ${stateFile(dataDir)}`,
    found: text === undefined ? 'no such file' : 'something else in it',
    remedy: 'Restore that file, or choose another data directory',
  });
}

export async function saveServerState(dataDir: DataDir, state: ServerState): Promise<void> {
  const draft = `${stateFile(dataDir)}.new`;
  await writeFile(draft, `${JSON.stringify(state)}\n`, { mode: 0o600 });
  await rename(draft, stateFile(dataDir));
}

async function initCluster(dataDir: DataDir, binaries: Binaries, superuser: string): Promise<ServerState> {
  const state = { superuser, password: randomBytes(24).toString('hex') };
  const draft = join(dataDir.root, 'data.new');
  const passwordFile = join(dataDir.root, 'pwfile');
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  await writeFile(passwordFile, state.password, { mode: 0o600 });
  for (const path of dataDir.account === undefined ? [] : [draft, passwordFile]) {
    await chown(path, dataDir.account?.uid ?? -1, dataDir.account?.gid ?? -1);
  }
  try {
    await runInitdb(dataDir, binaries, ['-D', draft, '-U', superuser, `--pwfile=${passwordFile}`]);
  } finally {
    await rm(passwordFile, { force: true });
  }
  await saveServerState(dataDir, state);
  await rm(dataDir.cluster, { recursive: true, force: true });
  await rename(draft, dataDir.cluster);
  return state;
}

async function runInitdb(dataDir: DataDir, binaries: Binaries, args: readonly string[]): Promise<void> {
  const log = await openLog(dataDir);
  try {
    const initdb = await startGuarded({
      file: binaries.initdb,
      args: [
        ...args,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--locale=C',
        '--data-checksums',
        '--no-instructions',
        // A temporary cluster need not survive the machine.
        ...(dataDir.temporary ? ['--no-sync'] : []),
      ],
      account: dataDir.account,
      logFd: log.fd,
      temporaryDir: dataDir.temporary ? dataDir.root : undefined,
    });
    await initdb.ended;
    const code = await initdb.finish('KILL', 'keep');
    if (code === 0) return;
    throw await log.failure('initdb to make a new cluster', `that it ended with exit code ${code}`);
  } finally {
    await log.close();
  }
}

function stateFile(dataDir: DataDir): string {
  return join(dataDir.root, 'server.json');
}

function otherMajor(dataDir: DataDir, found: string, binaries: Binaries): LedgerError {
  return new LedgerError('TASKLEDGER_EMBEDDED_FAILED', {
    expected: `a data directory of PostgreSQL ${binaries.major}`,
    found: `one of PostgreSQL ${found} in ${dataDir.root}`,
    remedy: `Choose another data directory, or move the data with pg_dump of a PostgreSQL ${found} server`,
  });
}
