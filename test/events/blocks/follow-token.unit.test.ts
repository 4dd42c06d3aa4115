import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatToken, parseToken } from '../../../src/events/blocks/follow-token.ts';

const sites = fc.stringMatching(/^[a-z][a-z0-9-]{0,9}$/);
const followed = fc.uniqueArray(fc.tuple(sites, fc.bigInt(0n, 10n ** 17n), fc.nat(10_000)), {
  selector: ([site]) => site,
});

test('a position reads as it was printed, with its sites in one order', () => {
  fc.assert(
    fc.property(followed, (parts) => {
      const known = new Map(parts.map(([site, block, events]) => [site, { block, events }]));
      const token = formatToken(known);
      expect(parseToken(token)).toEqual(known);
      expect(formatToken(new Map([...known].reverse()))).toBe(token);
    }),
  );
});

test.each(['ams', 'ams:1', 'ams:01.0', 'ams:1.2,ams:1.3', 'AMS:1.1', 'ams:1.2,', 'ams:-1.0', 'head'])(
  '%s is no position',
  (text) => {
    expect(() => parseToken(text)).toThrow(expect.objectContaining({ code: 'TASKLEDGER_INVALID_OPTION' }));
  },
);
