import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repositoryRoot } from '../support/repository.ts';
import { runCli } from './run-cli.ts';

/** Loading is the compiled program's business: a module here is loaded as a user's would be, far from this package. */
const nowhere = 'postgres://127.0.0.1:1/none';
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'taskledger-handlers-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

/** Loads modules by `run`; with the handlers in hand it goes on to the database, which is not there. */
async function load(files: Record<string, string>): Promise<Record<string, unknown>> {
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(dir, name), text);
  const names = Object.keys(files).filter((name) => !name.endsWith('.json'));
  const result = await runCli(['run', '--json', '--handlers', ...names], { url: nowhere, cwd: dir });
  return { status: result.status, ...result.error() };
}

const loaded = expect.objectContaining({ status: 3, error: 'TASKLEDGER_UNREACHABLE' });
const invalid = (part: string): unknown =>
  expect.objectContaining({ status: 2, error: 'TASKLEDGER_HANDLERS_INVALID', message: expect.stringContaining(part) });
const define = (name: string): string => `defineTask({ name: '${name}' }).handle(() => 1)`;
const importIt = `import { defineTask } from 'taskledger';\n`;

describe('a handlers module', () => {
  test.concurrent.each([
    [
      'named exports and arrays',
      { 'a.mjs': `${importIt}export const a = ${define('a')}; export const more = [${define('b')}];` },
    ],
    ['a default export', { 'b.mjs': `${importIt}export default ${define('a')};` }],
    ['the same handler under two names', { 'c.mjs': `${importIt}export const a = ${define('a')}; export { a as b };` }],
    [
      'several modules',
      {
        'd.mjs': `${importIt}export const a = ${define('a')};`,
        'e.mjs': `${importIt}export const b = ${define('b')};`,
      },
    ],
  ] as [string, Record<string, string>][])(
    'may have %s, where no package taskledger is installed',
    async (_name, files) => {
      expect(await load(files)).toEqual(loaded);
    },
  );

  test('may be CommonJS, with taskledger installed', async () => {
    const scope = path.join(dir, 'node_modules');
    await mkdir(scope, { recursive: true });
    // A CommonJS module takes what an ES module made, or makes it later; here it gets it from the other kind.
    await writeFile(
      path.join(dir, 'made.cjs'),
      `exports.a = { kind: 'taskledger.handler', definition: { name: 'a' }, run() {} };`,
    );
    expect(await load({ 'f.cjs': `module.exports = require('./made.cjs');` })).toEqual(loaded);
  });

  test.concurrent.each(
    [
      ['exports nothing', 'export {};', 'no exports'],
      ['exports no handler', `${importIt}export const task = defineTask({ name: 'a' });`, 'definition.handle'],
      ['has a syntax error', 'export const a = ;', 'h-3.mjs:1'],
      ['imports what is not installed', `import 'not-installed';`, 'not-installed'],
      ['throws', `throw new Error('no configuration');`, 'no configuration'],
      [
        'handles a task twice',
        `${importIt}export const a = ${define('a')}; export const b = ${define('a')};`,
        'two for a',
      ],
    ].map(([name, text, part], index) => [name, text, part, `h-${index + 1}.mjs`] as const),
  )('that %s is refused with the reason', async (_name, text = '', part = '', file = '') => {
    expect(await load({ [file]: text })).toEqual(invalid(part));
  });

  test('must be there', async () => {
    const missing = await runCli(['run', '--json', '--handlers', 'missing.mjs'], { url: nowhere, cwd: dir });
    expect({ status: missing.status, ...missing.error() }).toEqual(invalid('missing.mjs'));
  });

  test('in TypeScript is refused where this Node cannot load it', async () => {
    const found = await load({ 'g.ts': `${importIt}export const a = ${define('a')};` });
    const canLoad = (process.features as { typescript?: string | false }).typescript;
    expect(found).toEqual(canLoad === undefined || canLoad === false ? invalid('TypeScript') : loaded);
  });
});

test('the examples load', async () => {
  const files = ['examples/first-task/tasks.mjs', 'examples/gzip/gzip.mjs'];
  const { status } = await runCli(['run', '--json', '--handlers', ...files], { url: nowhere, cwd: repositoryRoot });
  expect(status).toBe(3);
});
