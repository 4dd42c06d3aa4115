import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { LimitOptions } from '../../../src/ledger/child-limits.ts';
import { hierarchyWith } from '../../../src/runner/execute/limits/layers.ts';
import { differencesFromLog, testLedger, typesOf } from '../../support/ledger.ts';
import { scaled } from '../../support/scale.ts';
import { childLevels, runBehaviour, runHandler } from './run-attempt.ts';
import { found, hostileExecutions, hostileHandler, machines, missing, runHostile } from './run-hostile.ts';

/** The hostile battery: each is contained, is told by its right name, and leaves nothing behind. */

const countsProcesses = hierarchyWith(found, 'pids') !== undefined;

describe.each(machines)('%s', (_how, machine) => {
  test.each(childLevels)('8 GB of memory: %s', async (level) => {
    const limits = { memory: '160MB' } as const;
    const itself = await runHostile('allocates', { level, limits, machine, input: { size: 8192 } });
    expect(itself.error).toMatchObject({ code: 'MEMORY_LIMIT' });
  });

  test('memory of a process below the child counts too', async () => {
    const limits = { memory: '160MB' } as const;
    // Less than its process is refused: what dies of that before anybody looks leaves a child that waits for ever.
    const { error } = await runHostile('allocates.below', { limits, machine, input: { size: 240 } });
    expect(error).toMatchObject({ code: 'MEMORY_LIMIT', message: expect.stringContaining('limit of 160MB') });
  });

  test.each(childLevels)('a loop that does not end: %s', async (level) => {
    const { error, report } = await runHostile('loops', { level, machine, limits: { cpu: '500ms' } });
    expect(error).toMatchObject({ code: 'CPU_LIMIT', message: expect.stringContaining('limit of 0.5 s') });
    expect(report.usage?.cpu_ms).toBeGreaterThan(400);
  });

  test('processor time of processes below the child counts too', async () => {
    expect(await runHostile('loops.below', { machine, limits: { cpu: '400ms' } })).toMatchObject({
      error: { code: 'CPU_LIMIT' },
    });
  });

  test('more processes than it may have', async () => {
    const { error } = await runHostile('starts', { machine, limits: { processes: 40 }, input: { size: 60 } });
    expect(error).toMatchObject({ code: 'PROCESS_LIMIT', message: expect.stringContaining('limit of 40') });
  });

  test('a million files', async () => {
    const { error } = await runHostile('makes.files', {
      machine,
      limits: { disk: '4MB' },
      input: { size: scaled(20_000) },
    });
    expect(error).toMatchObject({ code: 'DISK_LIMIT' });
  });

  test('a full temporary directory', async () => {
    const { error } = await runHostile('fills.disk', { machine, limits: { disk: '8MB' }, input: { size: 2000 } });
    expect(error).toMatchObject({ code: 'DISK_LIMIT' });
  });

  test.each(childLevels)('output without an end and without a newline: %s', async (level) => {
    const limits = { output: '1MB' } as const;
    const { error } = await runHostile('floods', { level, machine, limits, input: { size: 1024 } });
    expect(error).toMatchObject({ code: 'OUTPUT_LIMIT', message: expect.stringContaining('limit of 1MB') });
  });

  test('more open files than it may have', async () => {
    const { error } = await runHostile('opens', { machine, limits: { files: 256 } });
    expect(error).toMatchObject({ code: 'FILE_LIMIT', message: expect.stringContaining('EMFILE') });
  });

  test('a child that crashes is not let write its memory to a core dump', async () => {
    const { error, report } = await runHostile('dumps', { machine, limits: { memory: '1GB' } });
    expect([error.code, report.exit_signal]).toEqual(['CHILD_SIGNALED', 'SIGABRT']);
    expect(report.log_tail?.join('\n')).toMatch(/Max core file size +0 +0/);
  });
});

/** A sleep of its own length, to be found by it. */
function hiddenPlace(): { readonly file: string; readonly seconds: number } {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'taskledger-hidden-')), 'begun');
  return { file, seconds: 1_000_000 + Math.floor(Math.random() * 1_000_000) };
}

function hiddenProcesses({ seconds }: { readonly seconds: number }): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1') === `sleep\0${seconds}\0`;
    } catch {
      return false;
    }
  });
}

/** A variable this process was started with, and no child is given. */
function ownVariable(): string {
  const variables = readFileSync('/proc/self/environ', 'utf8').split('\0');
  return variables.find((one) => one.length > 8 && !/^(PATH|HOME|TZ|LANG|NODE_ENV)=/.test(one))!;
}

test('a fork bomb is put out, and its place is free again within two seconds', async () => {
  // Never without: nothing else would stop it.
  if (missing('control group that counts processes', countsProcesses)) return;
  const executions = hostileExecutions();
  const first = await runHostile('forks', { executions, limits: { processes: 64 } });
  expect(first.error).toMatchObject({ code: 'PROCESS_LIMIT' });
  const startedAt = performance.now();
  expect(await runHandler(hostileHandler('prints.bytes', 'process'), { executions })).toMatchObject({
    kind: 'completed',
  });
  expect(performance.now() - startedAt).toBeLessThan(2000);
});

test('a child that is root mounts its control groups anew, and does not widen its limits', async () => {
  if (missing('control group that counts processes, or no root', countsProcesses && found.namespace === 'root')) return;
  const { error } = await runHostile('starts.unlimited', {
    limits: { processes: 40 },
    input: { size: 60 },
    submitted: { timeout_ms: scaled(5000) },
  });
  expect(error).toMatchObject({ code: 'PROCESS_LIMIT' });
});

/** Guarantee, beyond what an attempt takes that comes after none that meant harm: a loaded machine starts processes slowly. */
const usableWithinMs = 2000;

describe.each(childLevels)('%s', (level) => {
  test.each([
    ['allocates', { memory: '160MB' }, 8192, 'MEMORY_LIMIT'],
    ['loops', { cpu: '500ms' }, 0, 'CPU_LIMIT'],
    ['starts', { processes: 40 }, 60, 'PROCESS_LIMIT'],
    ['floods', { output: '1MB' }, 1024, 'OUTPUT_LIMIT'],
  ] as const)('after %s its place is free again within two seconds', async (name, limits, size, code) => {
    const executions = hostileExecutions();
    const harmless = async (): Promise<number> => {
      const startedAt = performance.now();
      const ran = await runHandler(hostileHandler('prints.bytes', level, limits), { executions });
      expect(ran).toMatchObject({ kind: 'completed' });
      return performance.now() - startedAt;
    };
    const beforeMs = await harmless();
    expect(await runHostile(name, { executions, level, limits, input: { size } })).toMatchObject({ error: { code } });
    expect((await harmless()) - beforeMs).toBeLessThan(usableWithinMs);
    await executions.stop();
  });

  test('a task whose every attempt crashes fails after as many as it has, and its neighbours do not notice', async () => {
    const t = await testLedger();
    const neighbour = hostileHandler('prints.bytes', level);
    await t.run([hostileHandler('dumps', level), neighbour], { concurrency: 3 });
    const retry = { attempts: 3, backoff: { kind: 'fixed', delay_ms: 10 } } as const;
    const poison = await t.ledger.submit('hostile.dumps', {}, { retry });
    const neighbours = await t.ledger.submitMany(
      'hostile.prints.bytes',
      Array.from({ length: scaled(6) }, () => ({ input: {}, retry: { attempts: 1 } })),
    );
    await t.settled();
    const history = await t.ledger.history(poison.id);
    const attempt = ['leased', 'attempt_failed'];
    expect(typesOf(history)).toEqual(['submitted', ...attempt, ...attempt, 'leased', 'failed']);
    const ends = history.filter(({ type }) => type === 'task.attempt_failed' || type === 'task.failed');
    for (const { data } of ends)
      expect(data).toMatchObject({ error: { code: 'CHILD_SIGNALED' }, exit_signal: 'SIGABRT' });
    for (const { id } of neighbours)
      expect(typesOf(await t.ledger.history(id))).toEqual(['submitted', 'leased', 'completed']);
    expect(await differencesFromLog(t)).toEqual([]);
  });

  test('a daemon in a session of its own, without parents and environment, does not outlive its attempt', async () => {
    if (missing('namespace or control group', found.namespace !== undefined || countsProcesses)) return;
    for (const machine of [{}, { namespace: undefined }]) {
      const hidden = hiddenPlace();
      const ran = await runHostile('hides', { level, machine, limits: { processes: 64 }, input: hidden });
      expect(ran).toMatchObject({ output: 'hid it' });
      expect(hiddenProcesses(hidden)).toEqual([]);
    }
  });

  test('a million bytes without a newline, zeros and all bytes there are, are printed without harm', async () => {
    expect(await runHostile('floods', { level, input: { size: scaled(64) } })).toMatchObject({ output: 'flooded' });
    const { output, report } = await runHostile('prints.bytes', { level });
    expect(output).toBe('printed');
    expect(report.log_tail?.join('')).not.toContain('\0');
  });

  test('closed stdout, then nothing: the timeout ends it', async () => {
    const { error, report } = await runHostile('closes.stdout', { level, submitted: { timeout_ms: 300 } });
    expect([error.code, report.killed]).toEqual(['TIMEOUT', 'term']);
  });

  test('what an input calls NODE_OPTIONS, PYTHONPATH or LD_PRELOAD is data', async () => {
    const input = {
      NODE_OPTIONS: '--no-such-flag',
      LD_PRELOAD: '/no/such.so',
      PYTHONPATH: '/no/such',
      env: { PATH: '/no' },
    };
    const { output } = await runBehaviour('environment', { level, input });
    const { env } = output as { readonly env: Record<string, string> };
    expect(Object.keys(env).filter((name) => name in input)).toEqual([]);
    expect(env['PATH']).toBe(process.env['PATH']);
  });

  test('removing its directory follows no link out of it', async () => {
    const outside = mkdtempSync(path.join(tmpdir(), 'taskledger-outside-'));
    mkdirSync(path.join(outside, 'kept'));
    const file = path.join(outside, 'file');
    writeFileSync(file, 'kept');
    const { output } = await runHostile('links', { level, input: { directory: outside, file } });
    expect(existsSync(String(output))).toBe(false);
    expect([readFileSync(file, 'utf8'), existsSync(path.join(outside, 'kept'))]).toEqual(['kept', true]);
  });

  test('nobody reads the environment of the runner out of a namespace, or as another user', async () => {
    const secret = ownVariable();
    const looks = async (limits?: LimitOptions): Promise<unknown> =>
      (await runHostile('looks', { level, ...(limits && { limits }), input: { pid: process.pid, secret } })).output;
    const hidden = { sees: false, seesAny: false };
    if (!missing('process namespace', found.namespace !== undefined))
      expect(await looks({ processes: 64 })).toMatchObject(hidden);
    if (!missing('way to start a program as another user', found.setpriv))
      expect(await looks({ user: 'nobody' })).toMatchObject(hidden);
    // A process without limits is no prison: docs/guides/isolation.md says so.
    expect(await looks()).toMatchObject({ sees: true });
  });

  test('a child cannot kill its runner, nor raise its limits', async () => {
    if (missing('process namespace', found.namespace !== undefined)) return;
    const limits = { files: 256, memory: '256MB', processes: 64 } as const;
    const kills = await runHostile('kills', { level, limits, input: { pid: process.pid } });
    expect(kills.output).toMatchObject({ runner: 'ESRCH' });
    const files = found.hierarchies.map(({ directory }) => directory);
    const { output } = await runHostile('raises', { level, limits, input: { directories: files } });
    expect(output).toMatchObject({ files: ['256', '256'], raised: 9 });
    const { left, widened } = output as Record<'left' | 'widened', string[]>;
    expect([...left, ...widened].filter((answer) => answer === 'done')).toEqual([]);
    expect(left).toHaveLength(found.hierarchies.length);
  });

  test('a child without a network reaches nothing, not even this machine', async () => {
    if (missing('network namespace', found.networkNamespace)) return;
    expect(await runHostile('reaches', { level, limits: { network: 'none' } })).toMatchObject({
      output: 'ENETUNREACH',
    });
  });
});
