import fc from 'fast-check';
import { expect, test } from 'vitest';
import { retryDelayMs } from '../../src/runner/retry-policy.ts';

const half = (): number => 0.5;
const almostOne = (): number => 1 - Number.EPSILON / 2;

test('a fixed backoff waits the same before every attempt, never longer than its cap', () => {
  const policy = { attempts: 4, backoff: { kind: 'fixed', delay_ms: 700 } } as const;
  expect([1, 2, 3].map((attempt) => retryDelayMs(policy, attempt, half))).toEqual([700, 700, 700]);
  expect(retryDelayMs({ attempts: 4, backoff: { ...policy.backoff, cap_ms: 300 } }, 1, half)).toBe(300);
});

test('an exponential backoff is drawn from 0 up to twice as much each time, until its cap', () => {
  const policy = { attempts: 10, backoff: { kind: 'exponential', delay_ms: 100, cap_ms: 1000 } } as const;
  const waits = (random: () => number): (number | undefined)[] =>
    [1, 2, 3, 4, 5, 9].map((attempt) => retryDelayMs(policy, attempt, random));
  expect(waits(() => 0)).toEqual([0, 0, 0, 0, 0, 0]);
  expect(waits(half)).toEqual([50, 100, 200, 400, 500, 500]);
  expect(waits(almostOne)).toEqual([99, 199, 399, 799, 999, 999]);
});

test('without a backoff it is one second, doubled up to five minutes', () => {
  expect([1, 2, 20].map((attempt) => retryDelayMs({ attempts: 30 }, attempt, half))).toEqual([500, 1000, 150_000]);
});

test('there is no next attempt when all are used', () => {
  expect(retryDelayMs({ attempts: 1 }, 1, half)).toBeUndefined();
  expect(retryDelayMs({ attempts: 3 }, 2, half)).toBeDefined();
  expect(retryDelayMs({ attempts: 3 }, 3, half)).toBeUndefined();
  expect(retryDelayMs({ attempts: 3 }, 4, half)).toBeUndefined();
});

test('a wait is a whole number of milliseconds within the cap, whatever the policy', () => {
  const backoff = fc.record({
    kind: fc.constantFrom('fixed' as const, 'exponential' as const),
    delay_ms: fc.maxSafeNat(),
    cap_ms: fc.maxSafeNat(),
  });
  fc.assert(
    fc.property(
      backoff,
      fc.integer({ min: 1, max: 999 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (b, n, r) => {
        const wait = retryDelayMs({ attempts: 1000, backoff: b }, n, () => r);
        expect(Number.isSafeInteger(wait)).toBe(true);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(b.cap_ms);
      },
    ),
  );
});
