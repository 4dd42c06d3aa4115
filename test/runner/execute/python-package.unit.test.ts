import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { errorCodes } from '../../../src/errors.ts';
import { MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH } from '../../../src/events/limits.ts';
import { repositoryRoot } from '../../support/repository.ts';

/** What the Python package says a second time. */
const read = (file: string): string => readFileSync(path.join(repositoryRoot, file), 'utf8');
const source = (file: string): string => read(`runtimes/python/src/taskledger/${file}`);

test('it knows the SQLSTATEs of the ledger and their codes', () => {
  const ours = Object.entries(errorCodes).flatMap(([code, entry]) =>
    'sqlState' in entry ? [[entry.sqlState, code]] : [],
  );
  const theirs = [...source('submission.py').matchAll(/"(TL\d+)": "(\w+)"/g)].map(([, state, code]) => [state, code]);
  expect(Object.fromEntries(theirs)).toEqual(Object.fromEntries(ours));
});

test('it has the limits of payloads, and the version of the npm package', () => {
  expect(source('payload.py')).toContain(`MAX_PAYLOAD_BYTES = 1024 * 1024\nMAX_PAYLOAD_DEPTH = ${MAX_PAYLOAD_DEPTH}\n`);
  expect(MAX_PAYLOAD_BYTES).toBe(1024 * 1024);
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(read('runtimes/python/pyproject.toml')).toContain(`version = "${version}"`);
});
