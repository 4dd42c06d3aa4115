import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { inject } from 'vitest';
import { urlOfDatabase } from './admin-connection.ts';
import { testDatabaseName } from './test-database-names.ts';

const objectInUse = '55006';
const attempts = 100;

export interface TestDatabase extends AsyncDisposable {
  /** Of a superuser; the schema is migrated, the site is `ams`. */
  readonly url: string;
  readonly name: string;
  /** Disconnects whoever is left. Twice is fine. */
  drop(): Promise<void>;
}

/**
 * A database of this test's own, cloned from the migrated template; with `empty`, one without a schema; with `unnamed`, one
 * whose site has no name before it is migrated.
 */
export async function createTestDatabase(options: { empty?: boolean; unnamed?: boolean } = {}): Promise<TestDatabase> {
  const { adminUrl, template, unnamed } = inject('testServer');
  const name = testDatabaseName('test', Date.now());
  const admin = administrator(adminUrl);
  // Through the log of a server that never recovers it would be written twice.
  await cloneDatabase(admin, name, options.empty ? 'template0' : options.unnamed ? unnamed : template, 'file_copy');
  const drop = async (): Promise<void> => {
    await admin.query(`drop database if exists ${name} with (force)`);
  };
  return { url: urlOfDatabase(adminUrl, name), name, drop, [Symbol.asyncDispose]: drop };
}

let pool: pg.Pool | undefined;

/** Databases come and go with every test: what makes and drops them stays connected from one to the next. */
function administrator(adminUrl: string): pg.Pool {
  if (pool === undefined) {
    pool = new pg.Pool({ connectionString: adminUrl, max: 4, connectionTimeoutMillis: 10_000, allowExitOnIdle: true });
    pool.on('error', () => undefined);
  }
  return pool;
}

/** Copying needs the template for itself for a moment; several test files at once take turns. */
export async function cloneDatabase(
  admin: Pick<pg.Pool | pg.Client, 'query'>,
  name: string,
  template: string,
  strategy: 'wal_log' | 'file_copy' = 'wal_log',
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await admin.query(`create database ${name} template ${template} strategy ${strategy}`);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== objectInUse || attempt === attempts) throw error;
      await sleep(50);
    }
  }
}
