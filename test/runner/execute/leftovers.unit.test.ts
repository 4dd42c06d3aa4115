import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { anythingStartedSince, momentNow, numbersSince } from '../../../src/runner/execute/leftovers.ts';

test.runIf(process.platform === 'linux')('process numbers say what is new until they may have begun anew', () => {
  // Where there are few of them, a program that does nothing but start others has used them all within a second.
  const usedUpMs = Number(readFileSync('/proc/sys/kernel/pid_max', 'utf8')) / 50;
  let nowMs = 1000;
  const clock = { now: () => 0, monotonic: () => nowMs, sleep: () => Promise.resolve() };
  const moment = momentNow(clock);
  expect(moment).toEqual({ process: expect.any(Number), ms: 1000 });
  expect(moment.process).toBeGreaterThan(0);
  nowMs += usedUpMs - 1;
  expect(numbersSince(moment, clock)).toBe(moment.process);
  nowMs += 1;
  expect(numbersSince(moment, clock)).toBe(0);
  expect(anythingStartedSince(moment, clock)).toBe(true);
});
