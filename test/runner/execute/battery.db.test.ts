import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { LimitOptions } from '../../../src/ledger/child-limits.ts';
import { hierarchyWith, type Layers } from '../../../src/runner/execute/limits/layers.ts';
import { differencesFromLog, testLedger, typesOf } from '../../support/ledger.ts';
import { scaled } from '../../support/scale.ts';
import { childrenIn } from './children-here.ts';
import { runFaulty, strangersIn, withOwnTmpdir } from './leaves-nothing.ts';
import { childLevels, type Ran } from './run-attempt.ts';
import { found, hostileHandler, machines, missing, runHostile } from './run-hostile.ts';

/**
 * The hostile battery: each is contained, is told by its right name, and leaves nothing behind: no process, and a place that
 * is usable again within two seconds, which `runHostile` looks at after every one.
 */

const countsProcesses = hierarchyWith(found, 'pids') !== undefined;
const limitMb = 160;
const memoryLimits = { memory: `${limitMb}MB` } as const;

/** Where the kernel counts, nothing gets beyond a limit: looking now and then would tell the same error, and later. */
function expectHeld({ report }: Ran, machine: Partial<Layers>): void {
  if (hierarchyWith({ ...found, ...machine }, 'memory') === undefined) return;
  expect(report.usage?.max_rss_bytes).toBeLessThan((limitMb + 2) * 2 ** 20);
}

describe.each(machines)('%s', (_how, machine) => {
  test.each(childLevels)('8 GB of memory: %s', async (level) => {
    const ran = await runHostile('allocates', { level, limits: memoryLimits, machine, input: { size: 8192 } });
    expect(ran.error).toMatchObject({ code: 'MEMORY_LIMIT' });
    expectHeld(ran, machine);
  });

  test('memory of a process below the child counts too', async () => {
    // Less than its process is refused: what dies of that before anybody looks leaves a child that waits for ever.
    const ran = await runHostile('allocates.below', { limits: memoryLimits, machine, input: { size: 240 } });
    expect(ran.error).toMatchObject({ code: 'MEMORY_LIMIT', message: expect.stringContaining('limit of 160MB') });
    expectHeld(ran, machine);
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
    // Where the kernel is to refuse it, no more than can be written before anybody looks; none of its files is too large.
    const isSized = { ...found, ...machine }.tmpfs;
    const input = { size: isSized ? 64 : 2000 };
    const { error } = await runHostile('fills.disk', { machine, limits: { disk: '8MB' }, input });
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
    // Any machine refuses some time; this is its own limit.
    expect(Number(/after (\d+) files/.exec(String(error['message']))?.[1])).toBeLessThan(256);
  });

  test('a child that crashes is not let write its memory to a core dump', async () => {
    const { error, report } = await runHostile('dumps', { machine, limits: { memory: '1GB' } });
    expect([error.code, report.exit_signal]).toEqual(['CHILD_SIGNALED', 'SIGABRT']);
    expect(report.log_tail?.join('\n')).toMatch(/Max core file size +0 +0/);
  });
});

/** A directory that is not the attempt's; it goes with the test. */
function placeOutside(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'taskledger-outside-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** A sleep of its own length, to be found by it. */
function hiddenPlace(): { readonly file: string; readonly seconds: number } {
  const file = path.join(placeOutside(), 'begun');
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

test('a fork bomb is put out', async () => {
  // Never without: nothing else would stop it.
  if (missing('control group that counts processes', countsProcesses)) return;
  expect(await runHostile('forks', { limits: { processes: 64 } })).toMatchObject({ error: { code: 'PROCESS_LIMIT' } });
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

describe.each(childLevels)('%s', (level) => {
  test('a task whose every attempt crashes fails after as many as it has, and its neighbours do not notice', async () => {
    const t = await testLedger();
    const handlers = [hostileHandler('dumps', level), hostileHandler('prints.bytes', level)];
    const retry = { attempts: 3, backoff: { kind: 'fixed', delay_ms: 10 } } as const;
    const poison = await t.ledger.submit('hostile.dumps', {}, { retry });
    const items = Array.from({ length: scaled(6) }, () => ({ input: {}, retry: { attempts: 1 } }));
    const neighbours = await t.ledger.submitMany('hostile.prints.bytes', items);
    await withOwnTmpdir(async (directory) => {
      const runner = await t.run(handlers, { concurrency: 3 });
      // Some run beside it, others where it has just crashed.
      await expect.poll(async () => (await t.ledger.history(poison.id)).length).toBeGreaterThanOrEqual(3);
      neighbours.push(...(await t.ledger.submitMany('hostile.prints.bytes', items)));
      await t.settled();
      expect(strangersIn(directory)).toEqual([]);
      await runner.stop();
      expect(childrenIn(directory)).toEqual([]);
    });
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
    // Each layer is enough alone, if it is there.
    const alone: Partial<Layers>[] = [
      {},
      ...(found.namespace === undefined ? [] : [{ hierarchies: [] }]),
      ...(countsProcesses ? [{ namespace: undefined }] : []),
    ];
    for (const machine of alone) {
      const hidden = hiddenPlace();
      const whenEnded = (): void => expect(hiddenProcesses(hidden)).toEqual([]);
      const ran = await runHostile('hides', { level, machine, limits: { processes: 64 }, input: hidden, whenEnded });
      expect(ran).toMatchObject({ output: 'hid it' });
    }
  });

  test('a million bytes without a newline, zeros and all bytes there are, are printed without harm', async () => {
    const flood = await runHostile('floods', { level, input: { size: scaled(64) } });
    expect(flood).toMatchObject({ output: 'flooded' });
    expect(flood.report.log_tail?.at(-1)).toMatch(/ stdout x{1000} … \(cut\)$/);
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
    const { output } = await runFaulty('environment', { level, input });
    const { env } = output as { readonly env: Record<string, string> };
    expect(Object.keys(env).filter((name) => name in input)).toEqual([]);
    expect(env['PATH']).toBe(process.env['PATH']);
  });

  test('removing its directory follows no link out of it', async () => {
    const outside = placeOutside();
    mkdirSync(path.join(outside, 'kept'));
    const file = path.join(outside, 'file');
    writeFileSync(file, 'kept');
    const whenEnded = ({ output }: Ran): void => {
      expect([path.isAbsolute(String(output)), existsSync(String(output))]).toEqual([true, false]);
    };
    await runHostile('links', { level, input: { directory: outside, file }, whenEnded });
    expect([readFileSync(file, 'utf8'), existsSync(path.join(outside, 'kept'))]).toEqual(['kept', true]);
  });

  test('nobody reads the environment of the runner out of a namespace, or as another user', async () => {
    const secret = ownVariable();
    const input = { pid: process.pid, secret };
    const looks = async (limits?: LimitOptions, machine: Partial<Layers> = {}): Promise<unknown> =>
      (await runHostile('looks', { level, machine, ...(limits && { limits }), input })).output;
    const hidden = { sees: false, seesAny: false };
    if (!missing('process namespace', found.namespace !== undefined))
      expect(await looks({ processes: 64 }, { setpriv: false })).toMatchObject(hidden);
    if (!missing('way to start a program as another user', found.setpriv))
      expect(await looks({ user: 'nobody' }, { namespace: undefined })).toMatchObject(hidden);
    // A process without limits is no prison: docs/guides/isolation.md says so.
    expect(await looks()).toMatchObject({ sees: true });
  });

  test('a child cannot kill its runner, nor raise its limits', async () => {
    if (missing('process namespace', found.namespace !== undefined)) return;
    const limits = { files: 256, memory: '256MB', processes: 64 } as const;
    const kills = await runHostile('kills', { level, limits, input: { pid: process.pid } });
    expect(kills.output).toMatchObject({ runner: 'ESRCH' });
    const directories = found.hierarchies.map(({ directory }) => directory);
    const mounts = found.hierarchies.map(({ mount }) => mount);
    const { output } = await runHostile('raises', { level, limits, input: { directories, mounts } });
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
