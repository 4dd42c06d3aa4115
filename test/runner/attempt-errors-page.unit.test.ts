import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { attemptErrorCodes } from '../../src/runner/attempt-error-codes.ts';
import { repositoryRoot } from '../support/repository.ts';

/**
 * The page is written from the table, and so proven equal to it in both directions. After a change:
 *   UPDATE_DOCS=1 npx vitest run --project unit test/runner/attempt-errors-page.unit.test.ts
 */
const page = 'docs/reference/attempt-errors.md';
const file = path.join(repositoryRoot, page);

interface Entry {
  readonly meaning: string;
  readonly remedy: string;
  readonly unsaid?: true;
  readonly ledger?: true;
}

function render(): string {
  const entries = Object.entries<Entry>(attemptErrorCodes).sort(([a], [b]) => (a < b ? -1 : 1));
  const rows = entries.map(([code, { meaning, remedy, unsaid, ledger }]) =>
    ['', `\`${code}\``, meaning, remedy, unsaid ? 'in doubt' : ledger ? 'n/a' : 'as any other', ''].join(' | ').trim(),
  );
  return [
    '# Attempt errors',
    '',
    '<!-- Written by test/runner/attempt-errors-page.unit.test.ts (UPDATE_DOCS=1); do not edit. -->',
    '',
    'Why an attempt did not succeed: `error.code` of `task.attempt_failed` and `task.failed`. Beside it stand, where there',
    'are any, `name`, `message`, `stack`, `cause` and `details` of the error, and `exit_code`, `exit_signal`, `usage` and',
    '`log_tail` of the process. A code keeps its meaning. Where nobody can say how an attempt went, a protected task is in',
    'doubt instead of being tried again.',
    '',
    '| code | meaning | what to do | a protected task |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}

test(`${page} is what the code says now (UPDATE_DOCS=1 writes it)`, () => {
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(file, render());
  expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(render());
});
