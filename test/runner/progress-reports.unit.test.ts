import { expect, test } from 'vitest';
import type { Progress, ProgressAnswer } from '../../src/ledger/progress.ts';
import { Attempt } from '../../src/runner/attempt.ts';
import { ProgressReports } from '../../src/runner/progress-reports.ts';
import { createSignals } from '../../src/signals.ts';
import { FakeClock, leaseOf } from './fakes.ts';

function reports(answer: () => ProgressAnswer = () => 'noted') {
  const clock = new FakeClock();
  const signals = createSignals();
  const sent: Progress[] = [];
  const throttle = new ProgressReports({
    clock,
    signals,
    send: async (_attempt, progress) => {
      sent.push(progress);
      return answer();
    },
  });
  const attempt = new Attempt(leaseOf('t'), clock, (one, progress) => throttle.report(one, progress));
  return { clock, signals, sent, throttle, attempt };
}

test('the first report goes at once, then the latest of each quarter of a second', async () => {
  const { clock, sent, attempt } = reports();
  for (const fraction of [0.1, 0.2]) await attempt.progress({ fraction });
  await clock.advance(0);
  expect(sent).toEqual([{ fraction: 0.2 }]);
  for (const fraction of [0.3, 0.4, 0.5]) await attempt.progress({ fraction });
  await clock.advance(249);
  expect(sent).toHaveLength(1);
  await clock.advance(1);
  expect(sent).toEqual([{ fraction: 0.2 }, { fraction: 0.5 }]);
  expect(clock.sleepers).toBe(0);
});

test('after a pause a report does not wait', async () => {
  const { clock, sent, attempt } = reports();
  await attempt.progress({ fraction: 0.1 });
  await clock.advance(0);
  await clock.advance(250);
  await attempt.progress({ fraction: 0.2 });
  await clock.advance(0);
  expect(sent).toHaveLength(2);
});

test('a checkpoint always goes, is awaited, and overtakes what waited', async () => {
  const { clock, sent, attempt } = reports();
  await attempt.progress({ fraction: 0.1 });
  await attempt.progress({ fraction: 0.2, checkpoint: null });
  await attempt.progress({ checkpoint: { page: 2 } });
  expect(sent).toEqual([{ fraction: 0.2, checkpoint: null }, { checkpoint: { page: 2 } }]);
  await clock.advance(1000);
  expect(sent).toHaveLength(2);
});

test('attempts do not wait for one another', async () => {
  const { clock, sent, throttle, attempt } = reports();
  const other = new Attempt(leaseOf('u'), clock, (one, progress) => throttle.report(one, progress));
  await attempt.progress({ fraction: 0.1 });
  await other.progress({ fraction: 0.9 });
  await clock.advance(0);
  expect(sent).toEqual([{ fraction: 0.1 }, { fraction: 0.9 }]);
});

test('an attempt that ended has nothing more to report', async () => {
  const { clock, sent, throttle, attempt } = reports();
  await attempt.progress({ fraction: 0.1 });
  throttle.forget(attempt);
  await clock.advance(1000);
  expect(sent).toEqual([]);
});

test.each([
  ['abort', 'abort'],
  ['lost', 'lease lost'],
  ['noted', undefined],
  ['recorded', undefined],
] as const)('when the ledger answers %s the attempt is told to stop for: %s', async (answer, reason) => {
  const { attempt } = reports(() => answer);
  await attempt.progress({ checkpoint: 1 });
  expect(attempt.stoppedFor).toBe(reason);
});

test('a report that cannot be sent is a signal, and no failure of the task', async () => {
  const { attempt, signals } = reports(() => {
    throw Object.assign(new Error('away'), { code: 'ECONNREFUSED' });
  });
  const failed = signals.next('service.failed');
  await attempt.progress({ checkpoint: 1 });
  expect(await failed).toMatchObject({ service: 'progress', code: 'ECONNREFUSED' });
  expect(attempt.stoppedFor).toBeUndefined();
});
