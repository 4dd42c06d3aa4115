import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import * as testing from '../../src/testing/index.ts';
import { repositoryRoot } from '../support/repository.ts';

const read = (file: string): string => readFileSync(path.join(repositoryRoot, file), 'utf8');

test('the example of docs/testing.md is the one that is compiled and run here', () => {
  const shown = /^```ts\n([^]*?)^```$/m.exec(read('docs/testing.md'))?.[1];
  const [, run] = /^\/\/.*\n([^]*)$/.exec(read('test/testing/example.db.test.ts')) ?? [];
  expect(shown).toBe(
    run
      ?.replace("'../../src/index.ts'", "'taskledger'")
      .replace("'../../src/testing/index.ts'", "'taskledger/testing'"),
  );
});

test('the page names everything taskledger/testing offers, and what it names is offered', () => {
  const offered = Object.keys(testing).sort();
  const named = [...read('docs/testing.md').matchAll(/\*\*`(\w+)\(/g)].map(([, name]) => name ?? '');
  const ofTestLedger = ['given', 'runUntilIdle', 'stop'];
  expect([...new Set(named)].filter((name) => !ofTestLedger.includes(name)).sort()).toEqual(offered);
});
