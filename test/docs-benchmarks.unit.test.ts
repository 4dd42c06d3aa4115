import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { repositoryFiles, repositoryRoot } from './support/repository.ts';

/**
 * The page of the benchmarks and its chart are written from bench/results/ and proven equal to them. After new results:
 *   npm run bench -- report
 */
const update = process.env['UPDATE_DOCS'] === '1';

// Plain JavaScript, as all of bench/ is.
const ofBench = async (file: string): Promise<unknown> =>
  await import(pathToFileURL(path.join(repositoryRoot, 'bench', file)).href);
const { renderAll } = (await ofBench('page/write-page.js')) as { renderAll: () => Readonly<Record<string, string>> };
const { parts } = (await ofBench('parts.js')) as { parts: Readonly<Record<string, { seconds?: number }>> };

describe.each(Object.entries(renderAll()))('%s', (file, said) => {
  test('is what the committed results say (UPDATE_DOCS=1 writes it)', () => {
    if (update) writeFileSync(path.join(repositoryRoot, file), said);
    expect(readFileSync(path.join(repositoryRoot, file), 'utf8')).toBe(said);
  });
});

test('the page says of every goal whether it is reached, or that it was not measured', () => {
  const page = renderAll()['docs/benchmarks.md'] ?? '';
  const rows = page.split('\n').filter((line) => /^\| P\d+ \|/.test(line));
  const goals = new Set(rows.map((line) => /P\d+/.exec(line)?.[0]));
  expect([...goals].sort()).toEqual(Array.from({ length: 15 }, (_, i) => `P${i + 1}`).sort());
  expect(rows.filter((line) => !/\| (yes|\*\*no\*\*) \|/.test(line) && !line.includes('not measured'))).toEqual([]);
});

test('no committed result is of a quick run', () => {
  const results = repositoryFiles().filter(({ path: file }) => /^bench\/results\/.*\.json$/.test(file));
  expect(results.length).toBeGreaterThan(5);
  const quick = results.filter(({ text }) => {
    const { size, quick: small } = JSON.parse(text) as { readonly size?: string; readonly quick?: boolean };
    return small === true || size === 'quick';
  });
  expect(quick.map(({ path: file }) => file)).toEqual([]);
});

test('the parts of the whole table have less than twenty minutes in all', () => {
  const seconds = Object.values(parts).reduce((sum, part) => sum + (part.seconds ?? 0), 0);
  expect(seconds).toBeLessThan(20 * 60);
});
