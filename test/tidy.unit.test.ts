import { describe, expect, test } from 'vitest';
import { errorCodes } from '../src/errors.ts';
import { repositoryFiles } from './support/repository.ts';
import * as tidy from './support/tidy-rules.ts';
import { wordsAreOurs } from './support/tidy-words.ts';

/** Style as a test: what linters do not see. Every rule is first shown something untidy, so that its silence means something. */

const codes = Object.keys(errorCodes);
const sqlStates = Object.values(errorCodes).flatMap((entry) => ('sqlState' in entry ? [entry.sqlState] : []));

// These hold the forbidden words themselves.
const judges = ['test/tidy.unit.test.ts', 'test/support/tidy-rules.ts', 'test/support/tidy-words.ts'];
const files = repositoryFiles().filter(({ path }) => !judges.includes(path));

const lines = (count: number): string => 'x;\n'.repeat(count);
const file = (path: string, text = ''): tidy.TreeFile => ({ path, text });

const raising = (states: readonly string[]): tidy.TreeFile =>
  file('migrations/functions/a.sql', states.map((state) => `raise exception using errcode = '${state}';`).join('\n'));

/** A file alone, or several that only mean something together. */
type Example = tidy.TreeFile | readonly tidy.TreeFile[];

interface Case {
  readonly title: string;
  readonly rule: tidy.TidyRule;
  readonly untidy: readonly Example[];
  readonly tidy: readonly Example[];
}

const cases: readonly Case[] = [
  {
    title: 'no file in src is longer than 300 lines',
    rule: tidy.filesAreShort,
    untidy: [file('src/a.ts', lines(301))],
    tidy: [file('src/a.ts', lines(300)), file('test/a.ts', lines(301))],
  },
  {
    title: 'no function in src is longer than 70 lines',
    rule: tidy.functionsAreShort,
    untidy: [
      file('src/a.ts', `export function a() {\n${lines(69)}}`),
      file('src/b.ts', `export const b = { c: () => {\n${lines(69)}} };`),
    ],
    tidy: [file('src/a.ts', `export function a() {\n${lines(68)}}`)],
  },
  {
    title: 'names of files and folders say something',
    rule: tidy.namesSaySomething,
    untidy: ['src/utils/a.ts', 'src/lib/a.ts', 'src/ledger/helpers.ts', 'src/common.ts', 'src/types.ts']
      .concat(['src/shared/a.ts', 'test/misc.test.ts'])
      .map((path) => file(path)),
    tidy: [file('src/ledger/task-types.ts'), file('src/library.ts')],
  },
  {
    title: 'the words are the ledger’s own',
    rule: wordsAreOurs,
    untidy: [
      file('src/a.ts', 'const jobId = 1;'),
      file('src/a.ts', 'const WORKER_COUNT = 1;'),
      file('src/a.ts', '// this node is down'),
      file('src/a.ts', '// the clusters agree'),
      file('src/a.ts', 'new Worker(file)'),
      file('docs/a.md', 'Every region has one.'),
      file('docs/a.md', 'A queue message arrives.'),
      file('README.md', 'No consumer groups.'),
      file('migrations/functions/a.sql', '-- wakes the workers'),
    ],
    tidy: [
      file('src/a.ts', `import { Worker } from 'node:worker_threads';\nnew Worker(file);`),
      file('src/postgres/a.ts', '// a new cluster in a temporary directory'),
      file('README.md', 'Node 20.19 or newer, `node tasks.mjs`, `node --enable-source-maps x`. On Node.'),
      file('docs/a.md', 'two Postgres clusters, max_worker_processes, graphile-worker, inner nodes of the tree'),
      file('ARCHITECTURE.md', 'Not used: job, worker, node.'),
      file('test/a.ts', 'worker'),
    ],
  },
  {
    title: 'nothing is left for later',
    rule: tidy.nothingIsLeftForLater,
    untidy: [file('src/a.ts', '// TODO'), file('docs/a.md', 'FIXME: b'), file('a.sql', '-- XXX')],
    tidy: [file('a.sh', 'mktemp -d t.XXXXXX')],
  },
  {
    title: 'no test is skipped or focused',
    rule: tidy.noTestIsSkipped,
    untidy: [
      "test.skip('a')",
      "it.only('a')",
      "describe.concurrent.only('a')",
      "test.todo('a')",
      "xit('a')",
      "fit('a')",
    ]
      .concat(["test.fails('a')", 'context.skip()'])
      .map((text) => file('test/a.unit.test.ts', text)),
    tidy: [file('test/a.unit.test.ts', "test.each([1])('a')"), file('test/a.unit.test.ts', "benefit('a')")],
  },
  {
    title: 'no machine shows through',
    rule: tidy.noMachineShowsThrough,
    untidy: [
      file('a.md', `see ${['', 'work', 'main'].join('/')}`),
      file('a.ts', "'/root/.npm'"),
      file('a.json', '"/home/someone/x"'),
      file('a.ts', 'https://registry.example'),
      file('a.md', ['registry', 'example', 'org'].join('.')),
      file('package-lock.json', '"resolved": "https://example.com/a.tgz"'),
    ],
    tidy: [
      file('a.ts', 'registry.get(a)'),
      file('a.ts', ["import '..", 'work', "x.ts'"].join('/')),
      file('a.md', '/var/lib/postgresql'),
    ],
  },
  {
    title: 'every switched-off lint rule has a reason',
    rule: tidy.disabledLintHasAReason,
    untidy: [file('src/a.ts', '// eslint-disable-next-line no-console')],
    tidy: [file('src/a.ts', '// eslint-disable-next-line no-console -- this is the console')],
  },
  {
    title: 'migrations are numbered without gaps and open with why',
    rule: tidy.migrationsOpenWithWhy,
    untidy: [file('migrations/0001_log.sql', 'create table a ();'), file('migrations/0003_b.sql', '-- Why.\n')],
    tidy: [[file('migrations/0001_log.sql', '-- Why.\n'), file('migrations/0002_b.sql', '--! breaking\n-- Why.\n')]],
  },
  {
    title: 'every SQL function says what it locks, which index serves it and what was measured',
    rule: tidy.sqlFunctionsTellTheirCost,
    untidy: [
      file('migrations/functions/a.sql', '-- Locks: none\n-- Index: none\ncreate function a'),
      file('migrations/functions/b.sql', 'create function b\n-- Locks: none\n-- Index: none\n-- Measured: none'),
      file('migrations/functions/c.sql', '-- Locks:\n-- Index: none\n-- Measured: none\ncreate function c'),
    ],
    tidy: [file('migrations/functions/a.sql', '-- Locks: none\n-- Index: none\n-- Measured: 3 ms\ncreate function a')],
  },
  {
    title: 'SQLSTATEs raised in SQL and those of errorCodes are the same',
    rule: (given) => tidy.sqlStatesMatch(given, sqlStates),
    untidy: [raising([...sqlStates, 'TL999']), raising(sqlStates.slice(1))],
    tidy: [raising(sqlStates)],
  },
  {
    title: 'every TASKLEDGER_ name is an error code or a setting',
    rule: (given) => tidy.errorCodesExist(given, codes),
    untidy: [file('src/a.ts', "'TASKLEDGER_NO_SUCH_CODE'"), file('docs/a.md', 'TASKLEDGER_GONE')],
    tidy: [file('src/a.ts', "'TASKLEDGER_TIMEOUT' env.TASKLEDGER_DATABASE_URL")],
  },
];

describe.each(cases)('$title', ({ rule, untidy, tidy: clean }) => {
  test('in this repository', () => {
    expect(rule(files)).toEqual([]);
  });

  test('and the rule sees what is untidy, and only that', () => {
    expect(untidy.filter((example) => rule([example].flat()).length === 0)).toEqual([]);
    expect(clean.flatMap((example) => rule([example].flat()))).toEqual([]);
  });
});
