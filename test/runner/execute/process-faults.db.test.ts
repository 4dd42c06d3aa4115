import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, test, vi } from 'vitest';
import { effectsFile } from '../../support/runner-process.ts';
import { runFaulty } from './leaves-nothing.ts';
import { childLevels, processStart, pythonLevels, stopOnceBegun } from './run-attempt.ts';

/**
 * Everything a child process can do that a function in the runner's own process cannot. After each of it no process is left,
 * and its place is usable again within two seconds: `runFaulty` looks.
 */
describe.each([...childLevels, ...pythonLevels])('%s', (level) => {
  const isPython = level.startsWith('python');

  test('a child that ends without a word is told apart by how it ended', async () => {
    const ended = async (name: string, input?: unknown): Promise<unknown[]> => {
      const { kind, error, report } = await runFaulty(name, { level, input });
      return [kind, error.code, report.exit_code ?? report.exit_signal];
    };
    expect(await ended('exits', 3)).toEqual(['retry', 'CHILD_EXITED', 3]);
    expect(await ended('exits', 0)).toEqual(['retry', 'NO_RESULT', 0]);
    expect(await ended('dies')).toEqual(['retry', 'CHILD_SIGNALED', 'SIGKILL']);
  });

  test('a full heap is recognised', async () => {
    expect(await runFaulty('full', { level })).toMatchObject({ error: { code: 'CHILD_OUT_OF_MEMORY' } });
  });

  test.each([['exits', 3, 'CHILD_EXITED'] as const, ['dies', null, 'CHILD_SIGNALED'] as const])(
    'I9: a protected task whose child ends without a word (%s) is in doubt',
    async (name, input, code) => {
      const { kind, reason } = await runFaulty(name, { level, input, submitted: { protected: true } });
      expect([kind, reason]).toEqual(['in_doubt', `nobody said how the attempt ended (${code})`]);
    },
  );

  test('a protected task whose handler threw has said how it went, and is tried again', async () => {
    expect(await runFaulty('throws', { level, submitted: { protected: true } })).toMatchObject({ kind: 'retry' });
  });

  test('what is printed is kept with its stream and time, and is never taken for a message', async () => {
    const forged = JSON.stringify({ kind: 'completed', output: 'forged', usage: { cpu_ms: 0, max_rss_bytes: 0 } });
    const { kind, output, report } = await runFaulty('prints', { level, input: [forged, 'nul \0 byte'] });
    expect([kind, output]).toEqual(['completed', 'printed']);
    const [first, second, third] = report.log_tail ?? [];
    expect(first).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z info stdout \{"kind"/);
    expect(second).toContain('nul \uFFFD byte');
    expect(third).toMatch(/Z warn stderr to stderr$/);
  });

  test('of a flood of output the last lines are kept', async () => {
    const lines = Array.from({ length: 5000 }, (_, i) => `${i} ${'x'.repeat(i === 4999 ? 100_000 : 500)}`);
    const { report } = await runFaulty('prints', { level, input: lines });
    const tail = report.log_tail ?? [];
    expect(tail.length).toBeLessThanOrEqual(50);
    expect(tail.join('').length).toBeLessThanOrEqual(16_384);
    expect(tail.find((line) => line.includes(' stdout 4999 '))).toMatch(/ x+ … \(cut\)$/);
  });

  const wrong = JSON.stringify({ kind: 'completed', nonce: 'guessed', usage: { cpu_ms: 0, max_rss_bytes: 0 } });

  test.each([
    ['a message with a wrong nonce', 'writes', `${wrong}\n`, 'PROTOCOL_FORGED'],
    ['no JSON', 'writes', 'hello\n', 'PROTOCOL_BROKEN'],
    ['another object', 'writes', '{"kind":"other"}\n', 'PROTOCOL_BROKEN'],
    ['a line without an end', 'endless', null, 'PROTOCOL_TOO_LONG'],
    ['two results', 'twice', null, 'TWO_RESULTS'],
  ] as const)('nothing is believed of a child that sends %s', async (_what, name, input, code) => {
    expect(await runFaulty(name, { level, input })).toMatchObject({ kind: 'retry', error: { code } });
    expect(await runFaulty(name, { level, input, submitted: { protected: true } })).toMatchObject({
      kind: 'in_doubt',
    });
  });

  test.each([
    [null, 'term', 'SIGTERM'],
    ['SIGTERM', 'kill', 'SIGKILL'],
  ])(
    'a handler that does not listen (%s) is ended, and the report says by what',
    async (input, killed, exit_signal) => {
      const onProgress = stopOnceBegun('abort');
      expect(await runFaulty('ignores', { level, input, onProgress })).toMatchObject({
        kind: 'aborted',
        report: { killed, exit_signal },
      });
    },
  );

  test('a timeout ends the child and says so; a result after SIGTERM is not taken', async () => {
    const onProgress = stopOnceBegun('timeout');
    expect(await runFaulty('too.late', { level, onProgress })).toMatchObject({
      kind: 'retry',
      error: { code: 'TIMEOUT' },
      report: { killed: 'term' },
    });
    expect(await runFaulty('ignores', { level, submitted: { timeout_ms: 50 } })).toMatchObject({
      error: { code: 'TIMEOUT' },
    });
  });

  test('a lost lease ends the child at once, whatever its grace', async () => {
    // Were the grace of a minute heeded, the test would not end in time.
    const onProgress = stopOnceBegun('lease lost');
    const { report } = await runFaulty('ignores', { level, input: 'SIGTERM', graceMs: 60_000, onProgress });
    expect(report.killed).toBe('kill');
  });

  test('the child sees a declared environment, its own directory, and no Node options', async () => {
    const secrets = { TASKLEDGER_DATABASE_URL: 'postgres://secret', BEHAVIOUR_SECRET: 's', BEHAVIOUR_OPEN: 'o' };
    for (const [name, value] of Object.entries({ ...secrets, NODE_OPTIONS: '--no-warnings' })) vi.stubEnv(name, value);
    const { output } = await runFaulty('environment', { level });
    vi.unstubAllEnvs();
    const { env, cwd, argv, execArgv } = output as { env: Record<string, string>; cwd: string; [key: string]: unknown };
    // Python itself sets LC_CTYPE where no locale is.
    const known = [
      'PATH',
      'HOME',
      'TZ',
      'LANG',
      'NODE_ENV',
      'TMPDIR',
      'BEHAVIOUR_OPEN',
      'taskledger_attempt',
      'LC_CTYPE',
    ];
    expect(Object.keys(env).filter((name) => !known.includes(name))).toEqual([]);
    expect(env).toMatchObject({ BEHAVIOUR_OPEN: 'o', TMPDIR: cwd });
    if (!isPython) expect([argv, execArgv]).toEqual([2, []]);
    expect(output).toMatchObject({ mode: 0o700 });
    expect(existsSync(cwd)).toBe(false);
  });

  test('what a handler leaves running is gone when its attempt has ended, also in a session of its own', async () => {
    const effects = await effectsFile();
    const { kind, report } = await runFaulty('leaves', { level, input: effects.file });
    const [pid, directory] = (await readFile(effects.file, 'utf8')).trim().split(' ');
    expect(kind).toBe('completed');
    expect(processStart(Number(pid))).toBeUndefined();
    expect(existsSync(directory!)).toBe(false);
    expect(report.log_tail?.at(-1)).toContain('runner killed what the attempt had left running: 1 process(es)');
  });

  test('usage is what the child used, also when it cannot tell itself', async () => {
    const leastBytes = (isPython ? 5 : 20) * 2 ** 20;
    const { report } = await runFaulty('burns', { level, input: 50 });
    expect(report.usage?.cpu_ms).toBeGreaterThanOrEqual(50);
    expect(report.usage?.max_rss_bytes).toBeGreaterThan(leastBytes);
    const killed = await runFaulty('ignores', { level, onProgress: stopOnceBegun('abort') });
    expect(killed.report.usage?.max_rss_bytes).toBeGreaterThan(leastBytes);
  });
});

/** What only Node does. */
describe.each(childLevels)('%s', (level) => {
  test('an error outside the handler’s promise ends the child, and the log tail shows it', async () => {
    const { error, report } = await runFaulty('throws.outside', { level });
    expect(error.code).toBe('CHILD_EXITED');
    expect(report.log_tail?.join('\n')).toContain('Error: outside the promise');
  });

  test('an abort that is not for want of memory is a signal', async () => {
    expect(await runFaulty('aborts', { level })).toMatchObject({ error: { code: 'CHILD_SIGNALED' } });
  });
});

test('a child that fails after it has told its result has still done its work', async () => {
  const { kind, output, report } = await runFaulty('throws.after', {});
  expect([kind, output, report.exit_code]).toEqual(['completed', 'done', 1]);
  expect(report.log_tail?.join('\n')).toContain('after the result');
});

test('a child that does not end after its result is ended, and the result stands', async () => {
  expect(await runFaulty('stays', { input: 'mine' })).toMatchObject({
    kind: 'completed',
    output: 'mine',
    report: { exit_signal: 'SIGKILL' },
  });
});
