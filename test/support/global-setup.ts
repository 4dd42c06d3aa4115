import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/postgres/migrate.ts';
import { urlOfDatabase, withConnection } from './admin-connection.ts';
import { isLeftoverDatabase, testDatabaseName } from './test-database-names.ts';
import { startTestServer } from './test-server.ts';
import { makeUnnamedTemplate } from './unnamed-template.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

declare module 'vitest' {
  interface ProvidedContext {
    /** The server of this run, and the databases that those of the tests are cloned from: of site `ams`, and of none yet. */
    testServer: {
      readonly kind: string;
      readonly adminUrl: string;
      readonly template: string;
      readonly unnamed: string;
    };
  }
}

/** Starts the server of a run, before the first test that needs one. Returns what vitest calls at the end. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  compile();
  const server = await startTestServer();
  try {
    await dropLeftovers(server.adminUrl);
    const unnamed = await makeUnnamedTemplate(server.adminUrl);
    const template = await makeTemplate(server.adminUrl, unnamed);
    project.provide('testServer', { kind: server.kind, adminUrl: server.adminUrl, template, unnamed });
    return async () => {
      await withConnection(server.adminUrl, async (client) => {
        for (const name of [template, unnamed]) await client.query(`drop database if exists ${name} with (force)`);
      });
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

async function makeTemplate(adminUrl: string, unnamed: string): Promise<string> {
  const template = testDatabaseName('template', Date.now());
  await withConnection(adminUrl, (client) => client.query(`create database ${template} template ${unnamed}`));
  await migrate({ connectionString: urlOfDatabase(adminUrl, template), site: 'ams' });
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
