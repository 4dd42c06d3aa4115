import { isDeepStrictEqual } from 'node:util';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { LedgerError } from '../../src/errors.ts';
import { MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH } from '../../src/events/limits.ts';
import { decodePayload, encodePayload } from '../../src/events/payload.ts';
import { MAX_REPORTED_FAULTS } from '../../src/events/payload-faults.ts';

/** Code and offending places of a refused payload; undefined when it was taken. */
function refusalOf(value: unknown): { code: string; issues: { path: string; problem: string }[] } | undefined {
  try {
    encodePayload(value, 'input of t');
    return undefined;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    return { code: error.code, issues: error.details?.['issues'] as { path: string; problem: string }[] };
  }
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i += 1) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

describe('encodePayload', () => {
  test.each([
    [undefined, '$', 'is undefined'],
    [{ a: undefined }, '$.a', 'is undefined'],
    [[1, undefined], '$[1]', 'is undefined'],
    [new Array(1), '$[0]', 'is undefined'],
    [{ a: () => 1 }, '$.a', 'is a function'],
    [{ a: Symbol('x') }, '$.a', 'is a symbol'],
    [{ a: [1n] }, '$.a[0]', 'is a bigint'],
    [{ a: Number.NaN }, '$.a', 'is NaN'],
    [-Infinity, '$', 'is -Infinity'],
    [{ 'a b': 2 ** 53 }, '$["a b"]', 'is a number beyond ±(2^53 − 1)'],
    [[-(2 ** 53)], '$[0]', 'is a number beyond ±(2^53 − 1)'],
    [1e300, '$', 'is a number beyond ±(2^53 − 1)'],
    [{ a: 'x\0y' }, '$.a', 'contains NUL (U+0000)'],
    [{ 'k\0': 1 }, '$["k\\u0000"]', 'has a key that contains NUL (U+0000)'],
    [['\ud800'], '$[0]', 'contains half a surrogate pair'],
    [['\udc00\ud800'], '$[0]', 'contains half a surrogate pair'],
    [{ '\udfff': 1 }, '$["\\udfff"]', 'has a key that contains half a surrogate pair'],
    [{ a: new Map([[1, 2]]) }, '$.a', 'is a Map, not plain JSON'],
    [{ a: new Uint8Array(2) }, '$.a', 'is a Uint8Array, not plain JSON'],
    [{ a: new Error('x') }, '$.a', 'is a Error, not plain JSON'],
    [{ a: Promise.resolve(1) }, '$.a', 'is a Promise, not plain JSON'],
    [{ a: new Date(Number.NaN) }, '$.a', 'is an invalid date'],
    [{ a: { toJSON: () => undefined } }, '$.a', 'is undefined'],
    [{ a: { toJSON: () => ({ b: 1n }) } }, '$.a.b', 'is a bigint'],
    [{ a: { toJSON: () => new Date(0) } }, '$.a', 'is a Date, not plain JSON'],
  ])('refuses %o', (value, path, problem) => {
    expect(refusalOf(value)).toEqual({ code: 'TASKLEDGER_INVALID_INPUT', issues: [{ path, problem }] });
  });

  test('names every offending place, up to a limit', () => {
    expect(refusalOf({ a: 1n, b: [undefined], c: { d: Number.NaN } })?.issues.map(({ path }) => path)).toEqual([
      '$.a',
      '$.b[0]',
      '$.c.d',
    ]);
    expect(refusalOf(new Array(1_000_000))?.issues).toHaveLength(MAX_REPORTED_FAULTS);
  });

  test('says what was expected of which payload, and never quotes it', () => {
    const payload = { card: 'secret\0' };
    expect(() => encodePayload(payload, 'input of payouts.settle')).toThrow(
      /^Expected input of payouts\.settle to be JSON .*; found \$\.card contains NUL/,
    );
    expect(() => encodePayload(payload, 'input')).not.toThrow(/secret/);
  });

  test('refuses a cycle, but takes the same part twice', () => {
    const loop: Record<string, unknown> = { a: 1 };
    loop['self'] = [loop];
    expect(refusalOf(loop)?.issues).toEqual([{ path: '$.self[0]', problem: 'refers back to what contains it' }]);
    const shared = { x: 1 };
    expect(encodePayload([shared, shared], 'x')).toBe('[{"x":1},{"x":1}]');
  });

  test('takes the deepest allowed nesting and refuses one more', () => {
    expect(decodePayload(encodePayload(nested(MAX_PAYLOAD_DEPTH), 'x'), 'x')).toEqual(nested(MAX_PAYLOAD_DEPTH));
    expect(refusalOf(nested(MAX_PAYLOAD_DEPTH + 1))).toMatchObject({
      code: 'TASKLEDGER_LIMIT_EXCEEDED',
      issues: [{ problem: 'is nested more than 64 deep' }],
    });
    expect(refusalOf(nested(100_000))?.code).toBe('TASKLEDGER_LIMIT_EXCEEDED');
  });

  test.each([
    ['ASCII', 'a', MAX_PAYLOAD_BYTES - 2],
    ['two bytes a character', 'é', (MAX_PAYLOAD_BYTES - 2) / 2],
    ['escapes', '\n', (MAX_PAYLOAD_BYTES - 2) / 2],
    ['four bytes a character', '😀', Math.floor((MAX_PAYLOAD_BYTES - 2) / 4)],
  ])('takes the largest allowed payload and refuses one more: %s', (_, unit, count) => {
    expect(Buffer.byteLength(encodePayload(unit.repeat(count), 'x'))).toBeLessThanOrEqual(MAX_PAYLOAD_BYTES);
    expect(refusalOf(unit.repeat(count + 1))?.code).toBe('TASKLEDGER_LIMIT_EXCEEDED');
  });

  test('refuses at once what unfolds into something huge', () => {
    let value: unknown = 'x'.repeat(1000);
    for (let i = 0; i < 60; i += 1) value = [value, value];
    expect(refusalOf(value)).toMatchObject({ code: 'TASKLEDGER_LIMIT_EXCEEDED', issues: [{ path: '$' }] });
    expect(refusalOf([new Date(0), value])?.code).toBe('TASKLEDGER_LIMIT_EXCEEDED');
  });

  test('honours toJSON, and asks it once, with its key', () => {
    const asked: unknown[] = [];
    const counter = { toJSON: (key: string) => asked.push(key) };
    expect(encodePayload({ at: new Date(0), list: [counter], n: counter }, 'x')).toBe(
      '{"at":"1970-01-01T00:00:00.000Z","list":[1],"n":2}',
    );
    expect(asked).toEqual(['0', 'n']);
  });

  test('writes -0 as 0, class instances by their own properties, and any key as it is', () => {
    class Payout {
      readonly id = 'p1';
    }
    expect(encodePayload([-0, new Payout(), Object.create(null), JSON.parse('{"__proto__":1}')], 'x')).toBe(
      '[0,{"id":"p1"},{},{"__proto__":1}]',
    );
    expect(encodePayload([new Date(0), JSON.parse('{"__proto__":[1]}')], 'x')).toContain('{"__proto__":[1]}');
  });

  test('takes text that only looks like an escaped NUL or surrogate, and other control characters', () => {
    const value = ['\\u0000', '\\ud800', '\u0001\u001f\u007f', '😀', '\\\\u0000'];
    expect(decodePayload(encodePayload(value, 'x'), 'x')).toEqual(value);
  });

  const scalar = fc.oneof(
    fc.boolean(),
    fc.constantFrom(
      null,
      undefined,
      1n,
      Number.NaN,
      Infinity,
      2 ** 53,
      2 ** 53 - 1,
      '\0',
      '\ud800',
      '\\u0000',
      Symbol('s'),
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e15, max: 1e15 }).map((n) => (n === 0 ? 0 : n)),
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.integer({ min: 0xd7fe, max: 0xe001 }).map((unit) => String.fromCharCode(unit)) }),
  );
  const key = fc.oneof(fc.string(), fc.constantFrom('__proto__', 'toJSON', '\0', '\udfff', 'a'));
  const anything = fc.anything({
    values: [scalar],
    key,
    withMap: true,
    withSet: true,
    withSparseArray: true,
    maxDepth: 4,
  });

  test('accepts exactly what equals itself after JSON.stringify and JSON.parse, apart from the strings we refuse', () => {
    fc.assert(
      fc.property(anything, (value) => {
        const taken = refusalOf(value) === undefined;
        expect(taken).toBe(survivesJson(value));
        if (taken) expect(isDeepStrictEqual(decodePayload(encodePayload(value, 'x'), 'x'), value)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('accepts every JSON value within the limits, and gives the text JSON.stringify gives', () => {
    const json = fc.jsonValue({ maxDepth: 6 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);
    fc.assert(
      fc.property(json, (value) => {
        fc.pre(survivesJson(value));
        expect(encodePayload(value, 'x')).toBe(JSON.stringify(value));
      }),
    );
  });
});

// Written from the promise, not from the code: the round trip, and a look at every decoded key, string and number.
function survivesJson(value: unknown): boolean {
  const parts: unknown[] = [];
  try {
    const back: unknown = JSON.parse(JSON.stringify(value), (key, part: unknown) => {
      parts.push(key, part);
      return part;
    });
    if (!isDeepStrictEqual(back, value)) return false;
  } catch {
    return false;
  }
  return parts.every((part) => {
    if (typeof part === 'number') return Math.abs(part) <= Number.MAX_SAFE_INTEGER;
    return typeof part !== 'string' || (!part.includes('\0') && part === Buffer.from(part).toString());
  });
}

describe('decodePayload', () => {
  test('refuses what is not JSON without quoting it', () => {
    for (const text of ['', '{"a":secret}', '{"secret', 'NaN']) {
      expect(() => decodePayload(text, 'input')).toThrow(expect.objectContaining({ code: 'TASKLEDGER_INVALID_INPUT' }));
      expect(() => decodePayload(text, 'input')).not.toThrow(/secret/);
    }
  });
});
