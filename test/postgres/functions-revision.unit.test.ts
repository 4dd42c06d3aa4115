import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  digestOfFunctions,
  readFunctionsRevision,
  readMigrationFiles,
  type FunctionsRevision,
} from '../../src/postgres/migration-files.ts';
import { repositoryRoot } from '../support/repository.ts';

/**
 * The revision tells releases whose functions are newer, so it goes up with every commit that changes one:
 *   UPDATE_DOCS=1 npx vitest run test/postgres/functions-revision.unit.test.ts
 */
const update = process.env['UPDATE_DOCS'] === '1';
const file = 'migrations/functions.json';

test(`${file} has a revision of its own for these functions`, async () => {
  const digest = digestOfFunctions((await readMigrationFiles()).functions);
  if (update) {
    const before = committed() ?? { revision: 0, digest: '' };
    const revision = before.digest === digest ? before.revision : before.revision + 1;
    writeFileSync(path.join(repositoryRoot, file), `${JSON.stringify({ revision, digest }, null, 2)}\n`);
  }
  const remedy = `migrations/functions changed: UPDATE_DOCS=1 npx vitest run ${path.relative(repositoryRoot, import.meta.filename)}`;
  expect((await readFunctionsRevision()).digest, remedy).toBe(digest);
});

test('a file is named after its function, the only one it makes', async () => {
  const { functions } = await readMigrationFiles();
  const made = functions.map(({ name, text }) => {
    const names = [...text.matchAll(/^\s*create or replace function taskledger\.(\w+)/gim)].map(([, each]) => each);
    return [name, [...new Set(names)]];
  });
  expect(made).toEqual(functions.map(({ name }) => [name, [name]]));
});

/** What the last commit says: however often the file is written between two commits, the revision goes up by one. */
function committed(): FunctionsRevision | undefined {
  try {
    const show = ['show', `HEAD:${file}`];
    const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
    return JSON.parse(execFileSync('git', show, { cwd: repositoryRoot, encoding: 'utf8', stdio })) as FunctionsRevision;
  } catch {
    return undefined;
  }
}
