import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { comparePositions, formatPosition, parsePosition, positionOfRef } from '../../src/events/position.ts';

const site = fc.stringMatching(/^[a-z][a-z0-9-]{0,29}$/);
const seq = fc.oneof(fc.bigInt(1n, (1n << 63n) - 1n), fc.bigInt(1n, 1000n), fc.bigInt((1n << 40n) - 3n, 1n << 41n));
const position = fc.record({ site, seq });

describe('a position', () => {
  test('is printed with the incarnation only from the second on', () => {
    expect(formatPosition({ site: 'ams', seq: 17n })).toBe('ams/17');
    expect(formatPosition({ site: 'ams', seq: (1n << 40n) | 17n })).toBe('ams/2-17');
    expect(parsePosition('ams/2-17')).toEqual({ site: 'ams', seq: (1n << 40n) | 17n });
  });

  test('comes back from its text', () => {
    fc.assert(
      fc.property(position, (p) => {
        expect(parsePosition(formatPosition(p))).toEqual(p);
      }),
    );
  });

  test('has exactly one text', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        expect(formatPosition(a) === formatPosition(b)).toBe(comparePositions(a, b) === 0);
      }),
    );
  });

  test.each([
    ...[
      '',
      'ams',
      'ams/',
      '/17',
      'AMS/17',
      'ams/0',
      'ams/017',
      'ams/1-17',
      'ams/0-17',
      'ams/02-17',
      'ams/2-',
      'ams/-17',
    ],
    ...[
      'ams/17 ',
      ' ams/17',
      'ams/17\n',
      'ams/1.5',
      'ams/1e3',
      'ams/0x1',
      'ams/1099511627776',
      'ams/99999999-1',
      'ams/17/2',
    ],
    'a'.repeat(31) + '/17',
  ])('is not %j', (text) => {
    expect(() => parsePosition(text)).toThrow(expect.objectContaining({ code: 'TASKLEDGER_INVALID_ID' }));
  });

  test('is read from any text or refused with a stable code', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ams/-0123456789'.split('')) }), (text) => {
        try {
          expect(formatPosition(parsePosition(text))).toBe(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'TASKLEDGER_INVALID_ID' });
        }
      }),
    );
  });

  test('is ordered by site, then seq as a number', () => {
    const sorted = [positionOfRef(['ams', '9']), positionOfRef(['ams', '10']), positionOfRef(['fra', '1'])];
    expect([...sorted].reverse().sort(comparePositions)).toEqual(sorted);
  });
});
