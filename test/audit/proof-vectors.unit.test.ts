import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { BundleLine, EventLine } from '../../src/audit/bundle/bundle-format.ts';
import { BundleLines } from '../../src/audit/bundle/bundle-lines.ts';
import { parseHeads } from '../../src/audit/heads.ts';
import { repositoryRoot } from '../support/repository.ts';
import { checkBundle } from './audit-ledger.ts';
import { bundleVectors, headVector, proofVectors } from './proof-vectors.ts';

/**
 * The vectors of docs/reference/proof-format.md. After a change that is meant (which is a new format):
 *   UPDATE_DOCS=1 npx vitest run --project unit test/audit/proof-vectors.unit.test.ts
 */
const files: Readonly<Record<string, string>> = {
  'proof.json': `${JSON.stringify(proofVectors, null, 2)}\n`,
  'heads.ndjson': `${JSON.stringify(headVector)}\n`,
  ...bundleVectors,
};
const fileOf = (name: string): string => path.join(repositoryRoot, 'test/vectors', name);
const page = readFileSync(path.join(repositoryRoot, 'docs/reference/proof-format.md'), 'utf8');

test.each(Object.entries(files))('%s is what the code computes', (name, text) => {
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(fileOf(name), text);
  expect(readFileSync(fileOf(name), 'utf8')).toBe(text);
});

test.each(Object.keys(bundleVectors))('%s verifies, against its kept head too', async (name) => {
  const bundle = readFileSync(fileOf(name));
  const against = parseHeads(readFileSync(fileOf('heads.ndjson'), 'utf8'));
  expect(await checkBundle(bundle)).toMatchObject({ findings: [] });
  expect(await checkBundle(bundle, against, 7)).toMatchObject({ findings: [] });
});

test.each([
  ['context', 'included'],
  ['data_base64', 'included'],
  ['context', 'withheld'],
] as const)(
  'a %s that is left out alone, or put in, of a bundle whose payloads are %s is found',
  async (what, payloads) => {
    const name = payloads === 'included' ? 'range.ndjson' : 'range-withheld.ndjson';
    const whole = readFileSync(fileOf('range.ndjson'), 'utf8').split('\n');
    const at = whole.findIndex((line) => line.includes('"contexthash"'));
    const changed = new BundleLines();
    const lines = readFileSync(fileOf(name), 'utf8').trimEnd().split('\n').slice(0, -1);
    const text = lines.map((line, i) => {
      const parsed = JSON.parse(line) as BundleLine;
      if (i !== at || !('event' in parsed)) return changed.line(parsed);
      const { event } = JSON.parse(whole[at] ?? '') as EventLine;
      const put = payloads === 'included' ? undefined : event[what];
      // A type of content comes with data.
      const more = what === 'data_base64' ? { datacontenttype: undefined } : {};
      return changed.line({ ...parsed, event: { ...parsed.event, [what]: put, ...more } });
    });
    const { findings } = await checkBundle(text.join('') + changed.end());
    expect(findings).toMatchObject([{ line: at + 1, what: 'event', why: `has payloads that are not ${payloads}` }]);
  },
);

test('every hash on the page is one of the vectors, and the page shows the worked ones', () => {
  const known = readFileSync(fileOf('proof.json'), 'utf8') + Object.values(bundleVectors).join('');
  const shown = [...page.matchAll(/\b[0-9a-f]{32,}\b/g)].map(([hash]) => hash);
  expect(shown.filter((hash) => !known.includes(hash) && !/^0+$/.test(hash))).toEqual([]);
  const { blocks, key } = proofVectors;
  const [block] = blocks as { hash: string; signature: string; bytes: string; root: string }[];
  for (const value of [key.key_id, key.public_key, block?.hash, block?.root, block?.signature, block?.bytes])
    expect(page).toContain(value);
});
