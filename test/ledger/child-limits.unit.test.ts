import { describe, expect, test } from 'vitest';
import { childLimits, limitsSchema, stricterLimits } from '../../src/ledger/child-limits.ts';
import { sizeBytes, sizeText } from '../../src/ledger/size.ts';

const limitsOf = (options: object): ReturnType<typeof childLimits> => childLimits(options, 'the test');

test('sizes are bytes or a number with its unit, and are told in the largest unit that fits', () => {
  expect([sizeBytes(4096, 'x'), sizeBytes('64KB', 'x'), sizeBytes('1.5GB', 'x')]).toEqual([
    4096, 65_536, 1_610_612_736,
  ]);
  for (const wrong of ['', '-1', '5 MB', '1mb', '1e9', 'MB'])
    expect(() => sizeBytes(wrong, 'x')).toThrow('x to be bytes');
  expect([sizeText(2 ** 29), sizeText(1000), sizeText(2 ** 31)]).toEqual(['512MB', '1000 bytes', '2GB']);
});

describe('limits of a handler', () => {
  test('become plain numbers', () => {
    expect(
      limitsOf({ cpu: '30m', memory: '512MB', files: 64, processes: 32, output: '1MB', disk: '1GB' }),
    ).toMatchObject({
      cpuMs: 1_800_000,
      memoryBytes: 2 ** 29,
      files: 64,
      processes: 32,
      outputBytes: 2 ** 20,
      diskBytes: 2 ** 30,
      required: [],
    });
  });

  test('that cannot be understood are all named at once', () => {
    const wrong = {
      cpu: 'long',
      memory: '5 MB',
      files: 1,
      network: 'some',
      user: '-u 0',
      memmory: 1,
      required: ['time'],
    };
    expect(() => limitsOf(wrong)).toThrow(
      /limits.cpu: .*limits.memory: .*limits.files: .*limits.network: .*limits.user: /,
    );
    expect(() => limitsOf(wrong)).toThrow('memmory');
    expect(() => limitsOf({ required: ['memory'] })).toThrow('limits.required.0: memory is not limited');
    expect(limitsSchema.safeParse(wrong).error?.issues).toHaveLength(7);
  });

  test('the operator caps what the handler chooses, and neither widens the other', () => {
    const own = limitsOf({ memory: '1GB', cpu: '1m', user: 'shop', required: ['memory'] });
    const caps = limitsOf({
      memory: '512MB',
      cpu: '1h',
      processes: 64,
      network: 'none',
      user: 'nobody',
      required: ['processes'],
    });
    expect(stricterLimits(own, caps)).toMatchObject({
      memoryBytes: 2 ** 29,
      cpuMs: 60_000,
      processes: 64,
      network: 'none',
      user: 'nobody',
      required: ['memory', 'processes'],
    });
    expect(stricterLimits(own, undefined)).toBe(own);
    expect(stricterLimits(undefined, caps)).toBe(caps);
  });
});
