import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonLine, printable, printableStart } from '../../src/cli/printable.ts';

const anyText = fc.string({ unit: 'binary' });
const invisible = /[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/u;

describe('printable', () => {
  test.each([
    ['plain text, ümläuts and 漢字 stay', 'Grüße 漢字 🎟', 'Grüße 漢字 🎟'],
    ['an escape sequence', '\u001b[2Jgone', '\\x1b[2Jgone'],
    ['the eight-bit form of one', '\u009b2J', '\\x9b2J'],
    ['a line break that would forge a line', 'a\r\nb\tc', 'a\\r\\nb\\tc'],
    ['text turned around', 'invoice\u202efdp.exe', 'invoice\\u{202e}fdp.exe'],
    ['NUL and DEL', '\u0000\u007f', '\\x0\\x7f'.replace('\\x0', '\\x00')],
    ['a lone surrogate', 'a\ud800b', 'a\ufffdb'],
  ])('%s', (_name, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test('never lets a control character through', () => {
    fc.assert(fc.property(anyText, (text) => !invisible.test(printable(text))));
  });
});

describe('printableStart', () => {
  test('is never longer than asked for, and says when something was left out', () => {
    expect(printableStart('abcdef', 6)).toBe('abcdef');
    expect(printableStart('abcdefg', 6)).toBe('abcde…');
    expect(printableStart('\u001b\u001b\u001b', 6)).toBe('\\x1b\\…');
    fc.assert(fc.property(anyText, (text) => printableStart(text, 10).length <= 10));
  });
});

describe('jsonLine', () => {
  test('prints 64-bit numbers as strings', () => {
    expect(jsonLine({ seq: 9007199254740993n })).toBe('{"seq":"9007199254740993"}');
  });

  test('means the same as JSON, in one line that is safe to print', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const line = jsonLine(value);
        expect(JSON.parse(line)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(line).not.toMatch(invisible);
      }),
    );
  });
});
