import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/**
 * The layers gate itself is `npm run check:layers`. This proves that it can fail: one violation of every rule is
 * planted in a small house of its own, and must be reported by name; one of every allowed direction must not be.
 */
const repository = path.resolve(import.meta.dirname, '..');

interface Planted {
  readonly from: string;
  readonly imports: string;
  readonly rule: string;
}

const plant = (from: string, imports: string, rule: string): Planted => ({ from, imports, rule });

const leaf = 'src/errors.ts';
const anchor = (room: string): string => `src/${room}/anchor.ts`;

/** Lowest first. A room may import what stands before it, but siblings know nothing of one another. */
const ladder = ['postgres', 'events', 'projections', 'ledger', 'runner', 'replication', 'audit', 'daemon', 'cli'];
const siblings = ['runner', 'replication', 'audit'];
const mayImport = (from: string, to: string): boolean =>
  ladder.indexOf(to) < ladder.indexOf(from) && !(siblings.includes(from) && siblings.includes(to));

const pairs = ladder.flatMap((from) => ladder.filter((to) => to !== from).map((to) => ({ from, to })));

// `append.ts` is the one file of events/ here that may touch the database.
const fileIn = (room: string, name: string): string =>
  room === 'events' ? 'src/events/append.ts' : `src/${room}/${name}.ts`;

const forbidden: readonly Planted[] = [
  ...pairs
    .filter(({ from, to }) => !mayImport(from, to))
    .map(({ from, to }) => plant(fileIn(from, `to-${to}`), anchor(to), `${from}-imports-down-only`)),
  plant('src/ledger/to-root.ts', 'src/open-ledger.ts', 'ledger-imports-down-only'),
  plant('src/cli/to-testing.ts', 'src/testing/index.ts', 'cli-imports-down-only'),
  plant('src/runner/to-testing.ts', 'src/testing/index.ts', 'runner-imports-down-only'),
  plant('src/config.ts', anchor('postgres'), 'leaves-import-leaves-only'),
  plant('src/open-ledger.ts', anchor('cli'), 'root-stays-below-the-edges'),
  plant('src/testing/to-cli.ts', anchor('cli'), 'testing-does-not-know-the-cli'),
  plant('src/cli/to-index.ts', 'src/index.ts', 'index-is-nobodys-import'),
  plant('src/attic/box.ts', leaf, 'unknown-room'),
  plant('src/events/evolve.ts', 'kysely', 'pure-events-import-little'),
  plant('src/events/evolve.ts', 'node:fs', 'pure-events-import-little'),
  plant('src/events/upcast.ts', anchor('postgres'), 'pure-events-import-little'),
  plant('src/events/upcast.ts', 'src/events/append.ts', 'pure-events-stay-pure'),
  plant('src/ledger/to-pg.ts', 'pg', 'pg-only-at-the-database'),
  plant('src/runner/to-kysely.ts', 'kysely', 'runner-asks-the-ledger'),
  plant('src/ledger/to-vitest.ts', 'vitest', 'src-needs-no-dev-dependency'),
  plant('src/ledger/to-stranger.ts', 'stranger', 'src-needs-no-unlisted-package'),
  plant('src/ledger/to-test.ts', 'test/support/factory.ts', 'src-knows-no-tests'),
  plant('test/one.unit.test.ts', 'test/two.unit.test.ts', 'tests-do-not-import-tests'),
  plant('src/ledger/to-nowhere.ts', 'src/ledger/nowhere.ts', 'imports-resolve'),
];

const allowed = [
  ...pairs
    .filter(({ from, to }) => mayImport(from, to))
    .map(({ from, to }) => [fileIn(from, `to-${to}`), anchor(to)] as const),
  ...ladder.map((room) => [fileIn(room, 'to-leaf'), leaf] as const),
  ...ladder.map((room) => ['src/open-ledger.ts', anchor(room)] as const).filter(([, to]) => to !== anchor('cli')),
  ['src/events/hash.ts', 'node:crypto'],
  ['src/events/hash.ts', 'zod'],
  ['src/postgres/pool.ts', 'pg'],
  ['src/open-ledger.ts', 'pg'],
  ['src/cli/to-root.ts', 'src/open-ledger.ts'],
  ['src/testing/to-runner.ts', anchor('runner')],
  ['test/one.unit.test.ts', 'test/support/factory.ts'],
] as const;

const circle = ['src/ledger/hen.ts', 'src/ledger/egg.ts'];
const orphan = 'src/ledger/alone.ts';

interface Violation {
  readonly from: string;
  readonly to: string;
  readonly rule: { readonly name: string };
}

const house = mkdtempSync(path.join(tmpdir(), 'taskledger-layers-'));
let violations: readonly Violation[] = [];

beforeAll(() => {
  buildHouse();
  violations = cruise();
}, 60_000);

afterAll(() => {
  rmSync(house, { recursive: true, force: true });
});

describe('the layers gate', () => {
  test('reports every planted violation under the name of its rule', () => {
    const missed = forbidden.filter(({ from, imports, rule }) => !reported(from, imports).includes(rule));
    expect(missed).toEqual([]);
  });

  test('reports a circle of two files', () => {
    const circular = violations.filter(({ rule }) => rule.name === 'no-circular').map(({ from }) => from);
    expect(circular.filter((from) => circle.includes(from))).not.toEqual([]);
  });

  test('reports a file that imports nothing and that nothing imports', () => {
    expect(violations.filter(({ rule }) => rule.name === 'no-orphans').map(({ from }) => from)).toEqual([orphan]);
  });

  test('is silent about every allowed direction', () => {
    // With everything planted in one house, an allowed import may lie on a circle made by a forbidden one.
    const accused = allowed.filter(([from, imports]) => reported(from, imports).some((rule) => rule !== 'no-circular'));
    expect(accused).toEqual([]);
  });

  test('has no rule without a planted violation', () => {
    const planted = new Set([...forbidden.map(({ rule }) => rule), 'no-circular', 'no-orphans']);
    expect(ruleNames().filter((name) => !planted.has(name))).toEqual([]);
  });
});

function reported(from: string, imports: string): string[] {
  const found = violations.filter((one) => one.from === from && targetsOf(imports).includes(one.to));
  return found.map(({ rule }) => rule.name);
}

/** The names dependency-cruiser may report an import under: its path, its package's file, or the specifier it could not resolve. */
function targetsOf(imports: string): string[] {
  if (isFile(imports)) return [imports, `./${path.posix.basename(imports)}`];
  return [imports, imports.replace('node:', ''), `node_modules/${imports}/index.js`];
}

function isFile(target: string): boolean {
  return /^(src|test)\//.test(target);
}

function buildHouse(): void {
  const imports = new Map<string, Set<string>>([
    [orphan, new Set()],
    ['src/ledger/hen.ts', new Set(['src/ledger/egg.ts'])],
    ['src/ledger/egg.ts', new Set(['src/ledger/hen.ts'])],
  ]);
  const add = (from: string, to: string): void => {
    if (!imports.has(from)) imports.set(from, new Set());
    imports.get(from)?.add(to);
  };
  for (const { from, imports: to } of forbidden) add(from, to);
  for (const [from, to] of allowed) add(from, to);
  for (const to of [...imports.values()].flatMap((set) => [...set])) {
    if (isFile(to) && !to.includes('nowhere') && !imports.has(to)) imports.set(to, new Set());
  }
  for (const [file, targets] of imports) write(file, source(file, [...targets]));
  for (const name of ['pg', 'kysely', 'zod', 'vitest', 'stranger']) {
    write(`node_modules/${name}/package.json`, JSON.stringify({ name, version: '1.0.0', main: 'index.js' }));
    write(`node_modules/${name}/index.js`, 'module.exports = {};\n');
  }
  for (const file of ['package.json', 'tsconfig.json'])
    copyFileSync(path.join(repository, file), path.join(house, file));
}

function source(file: string, targets: readonly string[]): string {
  const lines = targets.map((target) => {
    if (!isFile(target)) return `import '${target}';`;
    const relative = path.posix.relative(path.posix.dirname(file), target);
    // Every second import is of a type only: types must obey the directions too.
    const specifier = relative.startsWith('.') ? relative : `./${relative}`;
    return target.length % 2 === 0 ? `import type { It } from '${specifier}';` : `import '${specifier}';`;
  });
  return [...lines, 'export interface It { readonly here: true }', ''].join('\n');
}

function write(file: string, text: string): void {
  const target = path.join(house, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, text);
}

function cruise(): readonly Violation[] {
  const command = path.join(repository, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs');
  const config = path.join(repository, '.dependency-cruiser.cjs');
  const options = { cwd: house, encoding: 'utf8' as const, maxBuffer: 64 * 1024 * 1024 };
  const output = execFileSync(
    process.execPath,
    [command, '--config', config, '--output-type', 'json', 'src', 'test'],
    options,
  );
  return (JSON.parse(output) as { summary: { violations: readonly Violation[] } }).summary.violations;
}

function ruleNames(): string[] {
  const config = createRequire(import.meta.url)('../.dependency-cruiser.cjs') as { forbidden: { name: string }[] };
  return config.forbidden.map(({ name }) => name);
}
