import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { inclusionPath, merkleRoot, rootFromPath } from '../../src/events/merkle.ts';

const sha = (...parts: Buffer[]): Buffer => createHash('sha256').update(Buffer.concat(parts)).digest();

/** RFC 6962, section 2.1, word for word: split at the largest power of two smaller than n. */
function rfcRoot(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only === undefined) return sha();
  if (leaves.length === 1) return only;
  let k = 1;
  while (k * 2 < leaves.length) k *= 2;
  return sha(Buffer.of(1), rfcRoot(leaves.slice(0, k)), rfcRoot(leaves.slice(k)));
}

const leavesOf = (count: number): Buffer[] => Array.from({ length: count }, (_, i) => sha(Buffer.from(`leaf ${i}`)));

// The leaf inputs and roots that RFC 6962 implementations test against (certificate-transparency's test vectors).
const knownInputs = [
  '',
  '00',
  '10',
  '2021',
  '3031',
  '40414243',
  '5051525354555657',
  '606162636465666768696a6b6c6d6e6f',
];
const knownRoots = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

test('roots are those that other implementations of RFC 6962 give', () => {
  const leaves = knownInputs.map((hex) => sha(Buffer.of(0), Buffer.from(hex, 'hex')));
  const roots = leaves.map((_, i) => merkleRoot(Buffer.concat(leaves.slice(0, i + 1))).toString('hex'));
  expect(roots).toEqual(knownRoots);
});

test('the tree of no leaf at all has the hash of nothing', () => {
  expect(merkleRoot(Buffer.alloc(0))).toEqual(sha());
});

test('the root is that of the definition for every small number of leaves', () => {
  for (let count = 1; count <= 70; count += 1) {
    const leaves = leavesOf(count);
    expect(merkleRoot(Buffer.concat(leaves)), `${count} leaves`).toEqual(rfcRoot(leaves));
  }
});

test('the path of every leaf leads to the root, and that of another place or leaf does not', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 300 }), fc.nat(), fc.nat(), (count, a, b) => {
      const leaves = leavesOf(count);
      const [index, other] = [a % count, b % count];
      const joined = Buffer.concat(leaves);
      const path = inclusionPath(joined, index);
      const root = merkleRoot(joined);
      const leaf = leaves[index] ?? Buffer.alloc(32);
      expect(rootFromPath(leaf, index, count, path)).toEqual(root);
      expect(rootFromPath(sha(leaf), index, count, path)).not.toEqual(root);
      if (other !== index) expect(rootFromPath(leaf, other, count, path)).not.toEqual(root);
    }),
  );
});

test('a path that is too short, too long or for a place outside the tree leads nowhere', () => {
  const leaves = leavesOf(5);
  const path = inclusionPath(Buffer.concat(leaves), 2);
  const [, , leaf = Buffer.alloc(32)] = leaves;
  expect(rootFromPath(leaf, 2, 5, path.slice(1))).toBeUndefined();
  expect(rootFromPath(leaf, 2, 5, [...path, leaf])).toBeUndefined();
  expect(rootFromPath(leaf, 5, 5, path)).toBeUndefined();
  expect(rootFromPath(leaf, -1, 5, path)).toBeUndefined();
});
