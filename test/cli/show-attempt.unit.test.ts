import { describe, expect, test } from 'vitest';
import { attemptLines, attemptRows, limitsText } from '../../src/cli/attempt-rows.ts';
import { lastAttempt, lastAttemptJson } from '../../src/cli/last-attempt.ts';
import { sizeText } from '../../src/cli/size-text.ts';
import { openTerminal } from '../../src/cli/terminal.ts';
import type { TaskEvent } from '../../src/events/event.ts';
import { parseEvent } from '../../src/events/parse-event.ts';
import { attemptErrorCodes } from '../../src/runner/attempt-error-codes.ts';
import { row, type allTypes } from '../events/sample-events.ts';

type Type = (typeof allTypes)[number];

function event(type: Type, version: number, data: Record<string, unknown> = {}): TaskEvent {
  const parsed = parseEvent(row(type, { version })) as TaskEvent;
  return { ...parsed, data: { ...parsed.data, ...data } } as TaskEvent;
}

const leased = event('task.leased', 2, {
  limits: { memory_bytes: 512 * 2 ** 20, cpu_ms: 1_800_000, layers: ['prlimit'] },
});
const killed = {
  lease: [1, 2],
  error: {
    code: 'CHILD_SIGNALED',
    message: 'the child process was ended by SIGKILL',
    stack: 'Error\n  at pay (\u001b[2J)',
  },
  usage: { cpu_ms: 1500, max_rss_bytes: 600 * 2 ** 20 },
  exit_signal: 'SIGKILL',
  exit_code: undefined,
  log_tail: ['2026-01-01T00:00:02.700Z info stdout row 7', 'written \u001b[31m by another make'],
};
const submitted = event('task.submitted', 1);
const terminal = openTerminal(false);

describe('the last attempt', () => {
  test('is told to a tired person: what it ended in, what that means, what to do, what it had and used', () => {
    const ended = lastAttempt([submitted, leased, event('task.attempt_failed', 3, killed)])!;
    expect(Object.fromEntries(attemptRows(ended))).toEqual({
      'last attempt': '1 ended in an error after 500 ms, on runner runner-1 on host-1 with payouts@2.3.0',
      error: 'the child process was ended by SIGKILL [CHILD_SIGNALED]',
      means: attemptErrorCodes.CHILD_SIGNALED.meaning,
      'look at': attemptErrorCodes.CHILD_SIGNALED.remedy,
      limits: 'memory 512 MB, cpu 30 min 0 s, layers ["prlimit"]',
      process: 'was ended by SIGKILL',
      used: '1.5 s of processor time, 600 MB of memory at most',
    });
    expect(attemptLines(ended, terminal)).toEqual([
      ...['', 'stack', '  at pay (\\x1b[2J)'],
      ...['', 'log (the last 2 lines, times in UTC)', '  00:00:02.700 info  stdout  row 7'],
      '  written \\x1b[31m by another make',
    ]);
    expect(lastAttemptJson(ended)).toMatchObject({
      ...{ attempt: 1, ended_by: 'task.attempt_failed', plugin: 'payouts@2.3.0', runner: 'runner-1' },
      ...{ meaning: attemptErrorCodes.CHILD_SIGNALED.meaning, exit_signal: 'SIGKILL', log_tail: killed.log_tail },
    });
  });

  test('is the one that has ended, while the next one runs', () => {
    const next = event('task.leased', 4, { attempt: 2, runner: 'other' });
    const ended = lastAttempt([submitted, leased, event('task.attempt_failed', 3, killed), next]);
    expect(ended?.leased).toBe(leased);
  });

  test('says what stopping it took, and leaves out what is not known', () => {
    const stopped = { lease: [1, 2], killed: 'kill', exit_signal: 'SIGKILL', exit_code: undefined, usage: undefined };
    const ended = lastAttempt([submitted, leased, event('task.aborted', 3, { ...stopped, log_tail: [] })])!;
    const rows = Object.fromEntries(attemptRows(ended));
    expect(rows).toMatchObject({
      process: 'was ended by SIGKILL, had to be killed',
      error: null,
      used: null,
      means: null,
    });
    expect(attemptLines(ended, terminal)).toEqual([]);
  });

  test('is none where nobody had started; a deadline that passed before is told all the same', () => {
    expect(lastAttempt([submitted])).toBeUndefined();
    expect(lastAttempt([submitted, event('task.aborted', 2, { lease: undefined })])).toBeUndefined();
    const error = { code: 'DEADLINE', message: 'too late' };
    const overdue = lastAttempt([submitted, event('task.failed', 2, { lease: undefined, attempt: undefined, error })])!;
    expect(Object.fromEntries(attemptRows(overdue))).toMatchObject({
      'last attempt': 'none: nobody had started it',
      error: 'too late [DEADLINE]',
    });
  });

  test('explains no code that is not ours', () => {
    const error = { code: 'toString', message: 'x' };
    const ended = lastAttempt([submitted, leased, event('task.attempt_failed', 3, { lease: [1, 2], error })])!;
    expect(Object.fromEntries(attemptRows(ended))).toMatchObject({ means: null, 'look at': null });
  });
});

test('sizes and limits are told in units people read', () => {
  expect([0, 1023, 1536, 10 * 1024, 5 * 2 ** 30].map(sizeText)).toEqual([
    '0 bytes',
    '1023 bytes',
    '1.5 kB',
    '10 kB',
    '5 GB',
  ]);
  expect(limitsText({ memory: '512MB', files: 64, wall_ms: 7_200_000 })).toBe('memory 512MB, files 64, wall 2 h 0 min');
  expect(limitsText(undefined)).toBe('');
});
