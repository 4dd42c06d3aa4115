import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineReader } from '../../../src/runner/execute/lines.ts';

function read(chunks: readonly Buffer[], maxBytes = 1000): { lines: string[]; overflows: number } {
  const lines: string[] = [];
  let overflows = 0;
  const reader = new LineReader(
    maxBytes,
    (line) => lines.push(line),
    () => (overflows += 1),
  );
  for (const chunk of chunks) reader.push(chunk);
  reader.end();
  return { lines, overflows };
}

test('however the bytes are cut into chunks, the lines are the same', () => {
  const text = 'one\n\nzwölf\n  drei – 三\nlast';
  fc.assert(
    fc.property(fc.array(fc.nat(text.length)), (cuts) => {
      const bytes = Buffer.from(text);
      const places = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const chunks = places.slice(1).map((end, i) => bytes.subarray(places[i], end));
      expect(read(chunks).lines).toEqual(text.split('\n'));
    }),
  );
});

test('of a line that is too long the beginning is kept, once told as soon as it is too long, and the next is whole', () => {
  const chunks = ['abc', 'def', 'ghi\nnext\n'].map((text) => Buffer.from(text));
  expect(read(chunks, 4)).toEqual({ lines: ['abcd … (cut)', 'next'], overflows: 1 });
  expect(read([Buffer.from('abcdef')], 4).overflows).toBe(1);
});

test('a line of exactly the limit is whole', () => {
  expect(read([Buffer.from('abcd\n')], 4)).toEqual({ lines: ['abcd'], overflows: 0 });
});
