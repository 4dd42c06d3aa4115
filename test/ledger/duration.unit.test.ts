import { expect, test } from 'vitest';
import { durationMs } from '../../src/ledger/duration.ts';

test.each([
  [250, 250],
  [0, 0],
  [1.6, 2],
  ['250ms', 250],
  ['30s', 30_000],
  ['10m', 600_000],
  ['1.5h', 5_400_000],
  ['1d', 86_400_000],
  ['0.0004s', 0],
] as const)('%s is %d ms', (duration, ms) => {
  expect(durationMs(duration, 'timeout')).toBe(ms);
});

test.each(['', '10', 's', '10 s', '10S', '-1s', '1e3s', '1.s', '10sec', -1, NaN, Infinity])(
  'what is no duration is refused, naming the option: %s',
  (duration) => {
    expect(() => durationMs(duration, 'retry.backoff.cap')).toThrow(
      expect.objectContaining({
        code: 'TASKLEDGER_INVALID_OPTION',
        message: expect.stringMatching(/retry\.backoff\.cap/),
      }),
    );
  },
);
