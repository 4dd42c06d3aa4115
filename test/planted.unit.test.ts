import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { applyChange, readPatch } from './planted/apply-patch.js';
import { repositoryRoot } from './support/repository.ts';

/** `npm run test:planted` takes minutes; that its patches have not rotted is looked at here, each time. */
const folder = path.join(repositoryRoot, 'test/planted');
const names = readdirSync(folder).filter((name) => name.endsWith('.patch'));
const read = (file: string): string => readFileSync(path.join(repositoryRoot, file), 'utf8');

test('there are planted patches', () => {
  expect(names.length).toBeGreaterThan(20);
});

test.each(names)('%s applies, and names a test that is there', (name) => {
  const patch = readPatch(read(`test/planted/${name}`));
  for (const change of patch.changes) {
    expect(change.file).toMatch(/^(src|migrations|runtimes)\//);
    expect(applyChange(read(change.file), change)).not.toBe(read(change.file));
  }
  // Of a name made by test.each a few words stand in the table instead.
  const text = read(patch.test);
  const words = patch.fails.split(/\W+/).filter((word) => word.length > 2);
  expect(words.filter((word) => !text.includes(word)).length).toBeLessThanOrEqual(words.length / 5);
});

describe('a patch', () => {
  const patch = readPatch(
    'Removes: b\nTest: a.test.ts\nFails: it\n\n--- a/x.ts\n+++ b/x.ts\n@@ -1,2 +1 @@\n a;\n-b($1);\n',
  );

  test('is read with what its header says', () => {
    expect(patch).toEqual({
      removes: 'b',
      test: 'a.test.ts',
      fails: 'it',
      changes: [{ file: 'x.ts', before: 'a;\nb($1);\n', after: 'a;\n' }],
    });
  });

  test('goes where its lines stand, wherever that is', () => {
    expect(applyChange('0;\n0;\na;\nb($1);\nc;\n', patch.changes[0]!)).toBe('0;\n0;\na;\nc;\n');
  });

  test.each(['a;\nc;\n', 'a;\nb($1);\na;\nb($1);\n'])('is refused where they do not stand exactly once', (text) => {
    expect(() => applyChange(text, patch.changes[0]!)).toThrow(/x\.ts once; found them \d times/);
  });

  test('without its header, or without a hunk, is refused', () => {
    expect(() => readPatch('Removes: b\n--- a/x.ts\n+++ b/x.ts\n@@ -1 +0 @@\n-b\n')).toThrow('"Test: …"');
    expect(() => readPatch('Removes: b\nTest: a\nFails: it\n')).toThrow('no hunk');
  });
});
