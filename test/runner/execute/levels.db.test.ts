import { describe, expect, test } from 'vitest';
import type { Progress } from '../../../src/ledger/progress.ts';
import { pythonLevels, runBehaviour, stopOnceBegun } from './run-attempt.ts';

/** What a handler does has the same outcome wherever it runs. */
describe.each(['inline', 'pool', 'process', ...pythonLevels] as const)('%s', (level) => {
  test('the handler is told its attempt, its lease, its input and the checkpoint, and its output is kept', async () => {
    const lease = { attempt: 2, epoch: 3, version: 9, checkpoint: { page: 7 } };
    const ran = await runBehaviour('tells', { level, input: { n: 'ü\u2028' }, lease });
    expect(ran).toMatchObject({
      kind: 'completed',
      output: {
        input: { n: 'ü\u2028' },
        attempt: 2,
        lease: { epoch: 3, version: 9 },
        checkpoint: { page: 7 },
        taskId: 't',
        name: 'behaves.tells',
        runAt: '2026-01-01T00:00:00.000Z',
      },
    });
  });

  test('no output is no output', async () => {
    expect(await runBehaviour('nothing', { level })).toMatchObject({ kind: 'completed', output: null });
  });

  test('a throw keeps its name, message, stack and cause', async () => {
    const { kind, error, retryInMs } = await runBehaviour('throws', { level });
    expect([kind, retryInMs]).toEqual(['retry', 1000]);
    expect(error).toMatchObject({
      code: 'HANDLER_ERROR',
      name: 'TypeError',
      message: 'no luck',
      stack: expect.stringMatching(/behaviours\.(mjs|py)/),
      cause: { name: 'RangeError', message: 'too far' },
    });
  });

  test('FatalError, RetryAfter and RetryAt are heeded', async () => {
    expect(await runBehaviour('fatal', { level })).toMatchObject({ kind: 'failed', error: { name: 'FatalError' } });
    expect(await runBehaviour('later', { level })).toMatchObject({ kind: 'retry', retryInMs: 600_000 });
    const { retryInMs } = await runBehaviour('then', { level });
    expect(retryInMs).toBeGreaterThan(3_400_000);
    expect(retryInMs).toBeLessThan(3_600_001);
  });

  test('an output that is not JSON the ledger can store is refused', async () => {
    expect(await runBehaviour('unstorable', { level })).toMatchObject({
      kind: 'retry',
      error: { code: 'INVALID_OUTPUT', details: { issues: [{ path: '$' }] } },
    });
  });

  test('progress and checkpoints reach the runner', async () => {
    const told: Progress[] = [];
    const ran = await runBehaviour('saves', { level, onProgress: (progress) => told.push(progress) });
    expect(ran).toMatchObject({ kind: 'completed', output: 'saved' });
    expect(told).toMatchObject([{ fraction: 0.5, message: 'half' }, { checkpoint: { page: 7 } }]);
  });

  test('what the handler logs is kept with its level, and its fields as JSON; nothing in it makes the attempt fail', async () => {
    const { kind, report } = await runBehaviour('logs', { level, input: 0 });
    expect(kind).toBe('completed');
    const lines = report.log_tail!.map((line) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, ''));
    expect(lines).toMatchObject([
      'debug log by the way {"page":7,"of":{"all":"ü"}}',
      'warn log two\nlines',
      expect.stringMatching(/^error log (TypeError: no luck\n +at .*behaviours\.mjs|Traceback[^]+TypeError: no luck$)/),
      'info log strange (its fields are left out: no JSON object of text)',
      'info log large (its fields are left out: 2011 bytes)',
      `info log ${'y'.repeat(1000)} … (cut)`,
    ]);
  });

  test('of a flood of log lines the last are kept', async () => {
    const { report } = await runBehaviour('logs', { level, input: 50_000 });
    const lines = report.log_tail ?? [];
    expect(lines.length).toBeLessThanOrEqual(50);
    expect(lines.at(-1)).toContain(' info log yyy');
    expect(lines.at(-5)).toMatch(/ info log line 49999$/);
  });

  test.each([
    ['abort', 'aborted'],
    ['shutdown', 'released'],
    ['timeout', 'retry'],
    ['lease lost', 'retry'],
  ] as const)('a handler that is told to stop (%s) hears why, and ends %s', async (reason, kind) => {
    const ran = await runBehaviour('obeys', { level, onProgress: stopOnceBegun(reason) });
    expect(ran.kind).toBe(kind);
    if (kind === 'retry') expect(ran.error).toMatchObject({ message: `told: ${reason}` });
    expect(ran.report.killed).toBe(level === 'inline' ? undefined : 'no');
  });

  test('a handler that returns in its grace has done its work', async () => {
    const ran = await runBehaviour('finishes', { level, onProgress: stopOnceBegun('abort') });
    expect(ran).toMatchObject({ kind: 'completed', output: 'in time' });
  });

  test('I9: a protected task that was told to stop and did not complete is in doubt', async () => {
    const submitted = { protected: true } as const;
    const ran = await runBehaviour('obeys', { level, submitted, onProgress: stopOnceBegun('timeout') });
    expect(ran.kind).toBe('in_doubt');
  });
});

/** What a definition says of its handler. */
describe.each(['inline', 'pool', 'process'] as const)('%s', (level) => {
  test('the definition’s own retry policy is heeded', async () => {
    expect(await runBehaviour('hopeless', { level })).toMatchObject({ kind: 'failed', error: { name: 'RangeError' } });
  });

  test('input and output are checked by their schemas, and the handler is given what they made', async () => {
    expect(await runBehaviour('picky', { level, input: { day: '2026-01-02' } })).toMatchObject({ output: { day: 5 } });
    expect(await runBehaviour('picky', { level, input: { day: 'secret' } })).toMatchObject({
      kind: 'failed',
      error: { code: 'INVALID_INPUT', details: { issues: [{ path: 'day' }] } },
    });
    expect(await runBehaviour('picky', { level, input: { day: '2026-01-03' } })).toMatchObject({
      kind: 'retry',
      error: { code: 'INVALID_OUTPUT', details: { issues: [{ path: 'day' }] } },
    });
  });
});
