import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

/**
 * The lint gate itself is `npm run check:lint`. This proves that the rules the house relies on can fail: each is
 * broken once in a house of its own, with the repository's configuration and installed packages.
 */
const repository = path.resolve(import.meta.dirname, '..');

interface Planted {
  readonly file: string;
  readonly code: string;
  readonly rule: string;
}

const lines = (count: number, line: (n: number) => string): string =>
  Array.from({ length: count }, (_, n) => line(n)).join('\n');

const broken: readonly Planted[] = [
  {
    file: 'src/ledger/forgotten-execute.ts',
    code: `import type { Kysely } from 'kysely';
      export async function forget(db: Kysely<{ tasks: { id: string } }>): Promise<void> {
        await db.deleteFrom('tasks').where('id', '=', 'a');
      }`,
    rule: '@typescript-eslint/await-thenable',
  },
  {
    file: 'src/ledger/forgotten-await.ts',
    code: `export function forget(save: () => Promise<void>): void {\n  save();\n}`,
    rule: '@typescript-eslint/no-floating-promises',
  },
  {
    file: 'src/ledger/forgotten-case.ts',
    code: `export function word(state: 'open' | 'done'): string {
        switch (state) {
          case 'open':
            return 'still open';
        }
        return '';
      }`,
    rule: '@typescript-eslint/switch-exhaustiveness-check',
  },
  {
    file: 'src/ledger/many-parameters.ts',
    code: 'export const sum = (a: number, b: number, c: number, d: number, e: number): number => a + b + c + d + e;',
    rule: '@typescript-eslint/max-params',
  },
  { file: 'src/ledger/long-file.ts', code: lines(301, (n) => `export const n${n} = ${n};`), rule: 'max-lines' },
  {
    file: 'src/ledger/long-function.ts',
    code: `export function long(): number {\n  let n = 0;\n${lines(60, () => '  n += 1;')}\n  return n;\n}`,
    rule: 'max-lines-per-function',
  },
  { file: 'src/ledger/CamelCase.ts', code: 'export const a = 1;', rule: 'house/kebab-case' },
  { file: 'src/ledger/no-name.ts', code: 'export default 1;', rule: 'no-restricted-syntax' },
  { file: 'src/ledger/everything.ts', code: `export * from './no-name.ts';`, rule: 'no-restricted-syntax' },
  { file: 'src/ledger/own-time.ts', code: 'export const at = (): number => Date.now();', rule: 'no-restricted-syntax' },
  {
    file: 'src/ledger/own-environment.ts',
    code: "export const url = (): unknown => process.env['TASKLEDGER_DATABASE_URL'];",
    rule: 'no-restricted-syntax',
  },
  {
    file: 'src/ledger/taken-apart.ts',
    code: 'export const all = (): unknown => {\n  const { env } = process;\n  return env;\n};',
    rule: 'no-restricted-syntax',
  },
  { file: 'src/index.ts', code: 'export const version = 1;', rule: 'no-restricted-syntax' },
  {
    file: 'src/runner/exits.ts',
    code: 'export const end = (): never => process.exit(1);',
    rule: 'no-restricted-properties',
  },
  { file: 'src/runner/prints.ts', code: `export const say = (): void => console.log('hi');`, rule: 'no-console' },
  {
    file: 'src/ledger/migrates.ts',
    code: `import { Migrator } from 'kysely';\nexport const it = Migrator;`,
    rule: 'no-restricted-imports',
  },
  { file: 'src/ledger/loose.ts', code: 'export const loose = (a: string): boolean => a == "";', rule: 'eqeqeq' },
  {
    file: 'src/ledger/stale-excuse.ts',
    code: '// eslint-disable-next-line no-console -- nothing prints here any more\nexport const a = 1;',
    rule: 'unused-directive',
  },
  {
    file: 'test/sleepy.unit.test.ts',
    code: 'export const sleep = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));',
    rule: 'no-restricted-syntax',
  },
  { file: 'examples/typo.mjs', code: 'consol.log(1);', rule: 'no-undef' },
];

const clean: readonly Omit<Planted, 'rule'>[] = [
  { file: 'src/config.ts', code: "export const url = (): unknown => process.env['TASKLEDGER_DATABASE_URL'];" },
  { file: 'src/clock.ts', code: 'export const now = (): number => Date.now();' },
  {
    file: 'src/cli/main.ts',
    code: `export const say = (): void => console.log('hi');\nexport const end = (): never => process.exit(1);`,
  },
  { file: 'src/postgres/migrate.ts', code: `import { Migrator } from 'kysely';\nexport const it = Migrator;` },
  { file: 'bin/launch.js', code: 'console.error(process.argv);\nprocess.exit(1);' },
];

interface FileResult {
  readonly filePath: string;
  readonly messages: readonly { readonly ruleId: string | null; readonly message: string }[];
}

const house = mkdtempSync(path.join(tmpdir(), 'taskledger-lint-'));
let results: readonly FileResult[] = [];

beforeAll(() => {
  for (const { file, code } of [...broken, ...clean]) write(file, `${code}\n`);
  for (const file of ['package.json', 'tsconfig.json'])
    copyFileSync(path.join(repository, file), path.join(house, file));
  symlinkSync(path.join(repository, 'node_modules'), path.join(house, 'node_modules'), 'junction');
  results = lint();
}, 120_000);

afterAll(() => {
  rmSync(house, { recursive: true, force: true });
});

describe('the lint gate', () => {
  test.each(broken)('reports $file as $rule', ({ file, rule }) => {
    expect(reported(file)).toContain(rule);
  });

  test('leaves alone what is done where it belongs', () => {
    expect(clean.filter(({ file }) => reported(file).length > 0)).toEqual([]);
  });
});

function reported(file: string): string[] {
  const found = results.find(({ filePath }) => filePath.endsWith(path.normalize(`/${file}`)));
  return (found?.messages ?? []).map(({ ruleId, message }) =>
    ruleId === null && message.startsWith('Unused eslint-disable') ? 'unused-directive' : (ruleId ?? message),
  );
}

function write(file: string, text: string): void {
  const target = path.join(house, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, text);
}

function lint(): readonly FileResult[] {
  const command = path.join(repository, 'node_modules/eslint/bin/eslint.js');
  const config = path.join(repository, 'eslint.config.js');
  const { stdout, stderr } = spawnSync(process.execPath, [command, '--config', config, '--format', 'json', '.'], {
    cwd: house,
    encoding: 'utf8',
  });
  if (!stdout.startsWith('[')) throw new Error(`ESLint did not run: ${stderr}`);
  return JSON.parse(stdout) as readonly FileResult[];
}
