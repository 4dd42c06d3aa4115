import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { errorCodes, type ErrorKind } from '../src/errors.ts';
import { repositoryFiles, repositoryRoot } from './support/repository.ts';

/**
 * Reference pages are written from the code and proven equal to it. After a change:
 *   UPDATE_DOCS=1 npx vitest run test/docs.unit.test.ts
 */
const update = process.env['UPDATE_DOCS'] === '1';

const page = 'docs/reference/errors.md';

const kinds: Readonly<Record<ErrorKind, { readonly exit: number; readonly says: string }>> = {
  refused: { exit: 1, says: 'the answer is no: the ledger understood, and will not' },
  usage: { exit: 2, says: 'the call or the input is wrong; sending it again changes nothing' },
  unreachable: { exit: 3, says: 'the database or a site could not be asked; try again later' },
  fault: { exit: 4, says: 'our own fault' },
};

interface Entry {
  readonly kind: ErrorKind;
  readonly meaning: string;
  readonly sqlState?: string;
}

const entries = Object.entries<Entry>(errorCodes).sort(([a], [b]) => (a < b ? -1 : 1));

describe(page, () => {
  const written = readPage();

  test('names every error code of the ledger', () => {
    expect(Object.keys(errorCodes).filter((code) => !documented(written).includes(code))).toEqual([]);
  });

  test('names no error code the ledger does not have', () => {
    expect(documented(written).filter((code) => !Object.hasOwn(errorCodes, code))).toEqual([]);
  });

  test('is what the code says now (UPDATE_DOCS=1 writes it)', () => {
    expect(written).toBe(renderErrors());
  });
});

test('every benchmark that a page or a function names can be run', () => {
  const files = repositoryFiles();
  const script = files.find(({ path: file }) => file === 'bench/parts.js')?.text ?? '';
  const runnable = new Set(['report', ...[...script.matchAll(/^ {2}(\w+): \{/gm)].map(([, name]) => name)]);
  const named = files
    .filter(({ path: file }) => /\.(md|sql)$/.test(file))
    .flatMap(({ path: file, text }) =>
      [...text.matchAll(/npm run bench -- (\w+)/g)].map(([, name]) => ({ file, name: name ?? '' })),
    );
  expect(named.length).toBeGreaterThan(10);
  expect(named.filter(({ name }) => !runnable.has(name) && name !== 'NAME')).toEqual([]);
});

describe('the documents', () => {
  const documents = repositoryFiles().filter(({ path: file }) => file.endsWith('.md'));

  test('link to files that exist', () => {
    const dead = documents.flatMap(({ path: file, text }) =>
      relativeLinks(text)
        .filter((link) => !existsSync(path.join(repositoryRoot, path.dirname(file), link)))
        .map((link) => `${file} → ${link}`),
    );
    expect(dead).toEqual([]);
  });

  test('have one title each', () => {
    const titles = (text: string): number => withoutCode(text).filter((line) => line.startsWith('# ')).length;
    expect(documents.filter(({ text }) => titles(text) !== 1).map(({ path: file }) => file)).toEqual([]);
  });
});

function readPage(): string {
  const file = path.join(repositoryRoot, page);
  if (update) writeFileSync(file, renderErrors());
  return existsSync(file) ? readFileSync(file, 'utf8') : '';
}

function documented(text: string): string[] {
  return [...text.matchAll(/^\| `(TASKLEDGER_\w+)`/gm)].map(([, code]) => code ?? '');
}

function renderErrors(): string {
  return [
    '# Errors',
    '',
    '<!-- Written from src/errors.ts by test/docs.unit.test.ts (UPDATE_DOCS=1); do not edit. -->',
    '',
    'Everything the ledger reports on purpose is a `LedgerError` with one of these codes. A code keeps its meaning: renaming',
    'or removing one is a breaking change. The message says what was expected, what was found and what to do next; `details`',
    'carries the particulars for programs.',
    '',
    '| kind | the command line exits with | meaning |',
    '| --- | --- | --- |',
    ...Object.entries(kinds).map(([kind, { exit, says }]) => `| ${kind} | ${exit} | ${says} |`),
    '',
    'Called from SQL, the functions raise the SQLSTATE instead of the code; TypeScript translates it.',
    '',
    '| code | kind | SQLSTATE | meaning |',
    '| --- | --- | --- | --- |',
    ...entries.map(([code, { kind, sqlState, meaning }]) => {
      const state = sqlState === undefined ? '–' : `\`${sqlState}\``;
      return `| \`${code}\` | ${kind} | ${state} | ${meaning.replaceAll('|', '\\|')} |`;
    }),
    '',
  ].join('\n');
}

function withoutCode(text: string): string[] {
  return text.replaceAll(/^```[^]*?^```/gm, '').split('\n');
}

function relativeLinks(text: string): string[] {
  const links = withoutCode(text).flatMap((line) =>
    [...line.matchAll(/\]\(([^)\s#]+)[^)]*\)/g)].map(([, link]) => link ?? ''),
  );
  return links.filter((link) => link !== '' && !/^[a-z]+:/.test(link));
}
