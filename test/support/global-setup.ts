import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { urlOfDatabase, withConnection } from './admin-connection.ts';
import { isLeftoverDatabase, testDatabaseName } from './test-database-names.ts';
import { startTestServer } from './test-server.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

declare module 'vitest' {
  interface ProvidedContext {
    /** The server of this run, and the database every test's own one is cloned from. */
    testServer: { readonly kind: string; readonly adminUrl: string; readonly template: string };
  }
}

/** Starts the server of a run, before the first test that needs one. Returns what vitest calls at the end. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  compile();
  const server = await startTestServer();
  try {
    await dropLeftovers(server.adminUrl);
    const template = await makeTemplate(server.adminUrl);
    project.provide('testServer', { kind: server.kind, adminUrl: server.adminUrl, template });
    return async () => {
      await withConnection(server.adminUrl, (client) =>
        client.query(`drop database if exists ${template} with (force)`),
      );
      await server.stop();
    };
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Processes that tests start run what users run: the compiled package. Wrong types are `npm run check`'s to report. */
function compile(): void {
  const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: 'inherit',
  });
  // 2: there were errors, and it compiled nevertheless.
  if (status !== 0 && status !== 2)
    throw new Error('Compiling src for the tests failed; run `npm run build` to see why.');
}

/** Loaded late, so that this works while there are no migrations. */
async function migrateTemplate(connectionString: string): Promise<void> {
  const file = `${root}src/postgres/migrate.ts`;
  if (!existsSync(file)) return;
  const { migrate } = (await import(/* @vite-ignore */ file)) as {
    migrate: (options: { connectionString: string; site: string }) => Promise<unknown>;
  };
  await migrate({ connectionString, site: 'ams' });
}

async function makeTemplate(adminUrl: string): Promise<string> {
  const template = testDatabaseName('template', Date.now());
  await withConnection(adminUrl, (client) => client.query(`create database ${template} template template0`));
  await migrateTemplate(urlOfDatabase(adminUrl, template));
  return template;
}

async function dropLeftovers(adminUrl: string): Promise<void> {
  await withConnection(adminUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>('select datname from pg_database');
    for (const { datname } of rows.filter((row) => isLeftoverDatabase(row.datname, Date.now()))) {
      await client.query(`drop database if exists ${datname} with (force)`);
    }
  });
}
