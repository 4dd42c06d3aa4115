import { setTimeout as sleep } from 'node:timers/promises';
import { inject } from 'vitest';
import { urlOfDatabase, withConnection } from './admin-connection.ts';
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
  await cloneDatabase(adminUrl, name, options.empty ? 'template0' : options.unnamed ? unnamed : template);
  const drop = async (): Promise<void> => {
    await withConnection(adminUrl, (client) => client.query(`drop database if exists ${name} with (force)`));
  };
  return { url: urlOfDatabase(adminUrl, name), name, drop, [Symbol.asyncDispose]: drop };
}

/** Copying needs the template for itself for a moment; several test files at once take turns. */
export async function cloneDatabase(adminUrl: string, name: string, template: string): Promise<void> {
  await withConnection(adminUrl, async (client) => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        await client.query(`create database ${name} template ${template}`);
        return;
      } catch (error) {
        if ((error as { code?: string }).code !== objectInUse || attempt === attempts) throw error;
        await sleep(50);
      }
    }
  });
}
