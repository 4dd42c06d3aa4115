import fc from 'fast-check';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { linesOf, MAX_TEXT_BYTES, readInput } from '../../src/cli/read-input.ts';

const chunks = (...parts: (string | Buffer)[]): Readable => Readable.from(parts.map((part) => Buffer.from(part)));

async function linesIn(...parts: (string | Buffer)[]): Promise<string[]> {
  const lines: string[] = [];
  for await (const { number, text } of linesOf(chunks(...parts))) lines.push(`${number}:${text}`);
  return lines;
}

describe('linesOf', () => {
  test('numbers lines from 1, and counts blank ones without giving them out', async () => {
    expect(await linesIn('a\n\n  \nb')).toEqual(['1:a', '4:b']);
    expect(await linesIn('a\r\nb\r\n')).toEqual(['1:a\r', '2:b\r']);
    expect(await linesIn('')).toEqual([]);
  });

  test('finds the same lines however the bytes were cut', async () => {
    const line = fc
      .string({ unit: 'binary', minLength: 1 })
      .filter((text) => !text.includes('\n') && text.trim() !== '' && text.isWellFormed());
    await fc.assert(
      fc.asyncProperty(fc.array(line), fc.integer({ min: 1, max: 7 }), async (texts, size) => {
        const bytes = Buffer.from(texts.join('\n'));
        const parts = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
          bytes.subarray(i * size, (i + 1) * size),
        );
        // A decoder takes a byte order mark at the start of a text away.
        expect(await linesIn(...parts)).toEqual(
          texts.map((text, i) => `${i + 1}:${text.replace(/^\ufeff/, '')}`).filter((text) => !/:$/.test(text)),
        );
      }),
    );
  });

  test('names the line that is not UTF-8', async () => {
    await expect(linesIn('a\n', Buffer.from([0xff, 0x0a]))).rejects.toMatchObject({
      code: 'TASKLEDGER_INVALID_INPUT',
      message: expect.stringContaining('line 2'),
    });
  });

  test('gives up on a line without end instead of filling the memory', async () => {
    await expect(linesIn('a\n', Buffer.alloc(MAX_TEXT_BYTES, 'x'), 'x')).rejects.toMatchObject({
      code: 'TASKLEDGER_LIMIT_EXCEEDED',
      message: expect.stringContaining('line 2'),
    });
  });
});

describe('readInput', () => {
  test('reads all of it', async () => {
    expect(await readInput(chunks('{"a":', '"ü"}'), 'it')).toBe('{"a":"ü"}');
  });
});
