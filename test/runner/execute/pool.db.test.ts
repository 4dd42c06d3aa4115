import { existsSync, writeFileSync } from 'node:fs';
import { readdir, readlink } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { defineTask } from '../../../src/index.ts';
import type { Handler } from '../../../src/ledger/define-task.ts';
import type { PoolLimits } from '../../../src/ledger/isolation.ts';
import type { Progress } from '../../../src/ledger/progress.ts';
import type { Executions } from '../../../src/runner/execute/executions.ts';
import { effectsFile } from '../../support/runner-process.ts';
import { testLedger } from '../../support/ledger.ts';
import { childrenHere } from './children-here.ts';
import {
  behaviour,
  processStart,
  runBehaviour,
  runHandler,
  stopOnceBegun,
  testExecutions,
  withLimits,
  type Ran,
} from './run-attempt.ts';

/** What holds of warm children alone: how long they last, and how one attempt is kept from the next. */

interface Itself {
  readonly pid: number;
  readonly cwd: string;
  readonly tmpdir: string;
  readonly mark: string;
}

const inPool = (executions: Executions, name: string, more: object = {}): Promise<Ran> =>
  runBehaviour(name, { level: 'pool', executions, ...more });
const itself = async (executions: Executions, limits: PoolLimits = {}, input: unknown = null): Promise<Itself> =>
  (await inPool(executions, 'is.itself', { limits, input })).output as Itself;
const isGone = async (pid: number): Promise<void> =>
  expect.poll(() => processStart(pid), { timeout: 10_000 }).toBeUndefined();

test('attempts share a child, each with a mark of its own, and the directory that the one before left as it was', async () => {
  const executions = testExecutions();
  const first = await itself(executions);
  const second = await itself(executions);
  expect([second.pid, second.cwd]).toEqual([first.pid, first.cwd]);
  for (const { cwd, tmpdir } of [first, second]) expect(tmpdir).toBe(cwd);
  expect([first.mark, second.mark].map((mark) => mark.split('.').at(-1))).toEqual(['1', '2']);
  await executions.stop();
  expect(existsSync(first.cwd)).toBe(false);
});

test.each(['keeps a file', 'lets others in'])('a directory is removed with an attempt that %s', async (input) => {
  const executions = testExecutions();
  const used = await inPool(executions, 'uses.its.directory', { input });
  const { cwd } = used.output as { readonly cwd: string };
  expect(existsSync(cwd)).toBe(false);
  const next = await inPool(executions, 'uses.its.directory');
  expect(next.output).toEqual({ cwd: expect.not.stringContaining(cwd), found: [], mode: 0o700 });
});

test('what an earlier attempt writes late into its directory is not there for the next one', async () => {
  const executions = testExecutions();
  const over = await effectsFile();
  const used = await inPool(executions, 'uses.its.directory', { input: { writesOnce: over.file } });
  const { cwd } = used.output as { readonly cwd: string };
  writeFileSync(over.file, '');
  await expect.poll(() => existsSync(path.join(cwd, 'late')), { timeout: 10_000 }).toBe(true);
  const next = await inPool(executions, 'uses.its.directory');
  expect(next.output).toMatchObject({ found: [] });
  expect(existsSync(cwd)).toBe(false);
});

test('handlers of one module share children; those with other limits do not', async () => {
  const executions = testExecutions();
  const { pid } = await itself(executions);
  expect((await inPool(executions, 'is.another')).output).toEqual({ pid });
  expect((await inPool(executions, 'is.another', { limits: { maxTasks: 7 } })).output).not.toEqual({ pid });
});

test('a child is replaced after its number of attempts', async () => {
  const executions = testExecutions();
  const pids: number[] = [];
  for (let i = 0; i < 4; i += 1) pids.push((await itself(executions, { maxTasks: 2 })).pid);
  const [first, second, third, fourth] = pids;
  expect([second, fourth]).toEqual([first, third]);
  expect(third).not.toBe(first);
  await isGone(first!);
});

test('a child is replaced when it is old, also if nothing is asked of it', async () => {
  const executions = testExecutions();
  const limits = { maxAgeMs: 300 };
  const first = await itself(executions, limits, { ms: 400 });
  const second = await itself(executions, limits);
  expect(second.pid).not.toBe(first.pid);
  await isGone(second.pid);
  // Replaced rather than ended: one is kept warm.
  await expect.poll(childrenHere, { timeout: 10_000 }).toHaveLength(1);
});

test('a child that holds too much memory is replaced between attempts', async () => {
  const executions = testExecutions();
  const grow = async (limits: PoolLimits): Promise<unknown> =>
    (await inPool(executions, 'grows', { input: 150, limits })).output;
  expect(await grow({ maxRssMb: 128 })).not.toEqual(await grow({ maxRssMb: 128 }));
  expect(await grow({ maxRssMb: 2048 })).toEqual(await grow({ maxRssMb: 2048 }));
});

test('a dying child costs its own task only, and the next attempt gets another one at once', async () => {
  const executions = testExecutions();
  const [dead, neighbour] = await Promise.all([inPool(executions, 'dies'), itself(executions, {}, { ms: 300 })]);
  expect(dead.error.code).toBe('CHILD_SIGNALED');
  expect(neighbour.pid).toBeGreaterThan(0);
  expect((await itself(executions)).pid).toBeGreaterThan(0);
});

test('a child that dies between attempts costs no task', async () => {
  const executions = testExecutions();
  const { pid } = (await inPool(executions, 'dies.later')).output as Itself;
  await isGone(pid);
  expect((await itself(executions)).pid).not.toBe(pid);
});

test('I9: an attempt whose waiting child died before it heard of it is run in a fresh one', async () => {
  const executions = testExecutions();
  const { pid } = await itself(executions);
  const directory = path.dirname(await readlink(`/proc/${pid}/cwd`));
  // So that one is made for the attempt that comes: it tells when that has been given to the child.
  await inPool(executions, 'uses.its.directory', { input: 'keeps a file' });
  process.kill(pid, 'SIGSTOP');
  const before = await readdir(directory);
  const next = inPool(executions, 'is.itself', { submitted: { protected: true } });
  await expect.poll(async () => (await readdir(directory)).length).toBeGreaterThan(before.length);
  await new Promise((resolve) => setImmediate(resolve));
  process.kill(pid, 'SIGKILL');
  const { kind, output } = await next;
  expect(kind).toBe('completed');
  expect((output as Itself).pid).not.toBe(pid);
});

test('I9: an attempt that a warm child had begun when it died is not begun again', async () => {
  const executions = testExecutions();
  const effects = await effectsFile();
  await itself(executions);
  const { kind } = await inPool(executions, 'pays', { input: effects.file, submitted: { protected: true } });
  expect([kind, await effects.lines()]).toEqual(['in_doubt', ['paid 1']]);
});

test('a message that comes after its attempt ends the child if it waits', async () => {
  const executions = testExecutions();
  const once = (await effectsFile()).file;
  const { pid } = (await inPool(executions, 'repeats.itself.later', { input: { once } })).output as Itself;
  writeFileSync(once, '');
  await isGone(pid);
  expect((await itself(executions)).pid).not.toBe(pid);
});

test('a message of an earlier attempt is not taken for one of this, which is not blamed for it', async () => {
  const executions = testExecutions();
  const told: Progress[] = [];
  const once = (await effectsFile()).file;
  const { pid } = (await inPool(executions, 'repeats.itself.later', { input: { once } })).output as Itself;
  const onProgress = (progress: Progress): void => void told.push(progress);
  const ran = await inPool(executions, 'lets.it.repeat.itself', { input: { once }, onProgress });
  expect([ran.kind, (ran.output as Itself).pid]).toEqual(['completed', pid]);
  expect(told).toEqual([]);
  expect(ran.report.log_tail?.at(-1)).toContain('runner a message of an earlier attempt in this process came late');
  expect(processStart(pid)).toBeUndefined();
});

test('what an attempt left running is killed, and its child goes on', async () => {
  const executions = testExecutions();
  const { pid } = await itself(executions);
  const effects = await effectsFile();
  const { report } = await inPool(executions, 'leaves', { input: effects.file });
  const [line = ''] = await effects.lines();
  expect(processStart(Number(line.split(' ')[0]))).toBeUndefined();
  expect(report.log_tail?.at(-1)).toContain('runner killed what the attempt had left running: 1 process(es)');
  expect((await itself(executions)).pid).toBe(pid);
});

test.each([
  ['a short attempt', 0],
  ['one so long that process numbers may have begun anew', 20_000],
])('what the module started while it was loaded outlives %s, and goes with the child', async (_what, lastsMs) => {
  let laterMs = 0;
  const executions = testExecutions({ ...systemClock, monotonic: () => systemClock.monotonic() + laterMs });
  const module = new URL('./brings-a-helper.mjs', import.meta.url).href;
  const { helped } = (await import(/* @vite-ignore */ module)) as { helped: Handler };
  const onProgress = (): void => void (laterMs += lastsMs);
  const first = (await runHandler(helped, { executions, onProgress })).output as Record<string, number>;
  const second = (await runHandler(helped, { executions, onProgress })).output as Record<string, number>;
  expect([second['pid'], second['helper']]).toEqual([first['pid'], first['helper']]);
  expect([first['left'], second['left']].map((pid) => processStart(pid!))).toEqual([undefined, undefined]);
  expect(processStart(first['helper']!)).toBeDefined();
  await executions.stop();
  expect(processStart(first['helper']!)).toBeUndefined();
});

test.each([
  ['was told to stop, though it returned in time', 'finishes', { onProgress: stopOnceBegun('abort') }],
  ['threw', 'throws', {}],
] as const)('the child of an attempt that %s is gone with it', async (_what, name, more) => {
  const executions = testExecutions();
  const { pid } = await itself(executions);
  await inPool(executions, name, more);
  expect(processStart(pid)).toBeUndefined();
  expect((await itself(executions)).pid).not.toBe(pid);
});

test('a child that blocks after its result is ended, and the result stands', async () => {
  const executions = testExecutions();
  const { kind, output, report } = await inPool(executions, 'blocks.after');
  expect([kind, report.exit_signal]).toEqual(['completed', 'SIGKILL']);
  expect(processStart((output as Itself).pid)).toBeUndefined();
});

test('I9: an attempt whose child is blocked by an earlier one is run in another', async () => {
  const executions = testExecutions();
  const effects = await effectsFile();
  const { pid } = (await inPool(executions, 'blocks.later', { input: effects.file })).output as Itself;
  await expect.poll(() => effects.lines()).toEqual(['blocks']);
  const { kind, output } = await inPool(executions, 'is.itself', { submitted: { protected: true } });
  expect(kind).toBe('completed');
  expect((output as Itself).pid).not.toBe(pid);
  expect(processStart(pid)).toBeUndefined();
});

test('a handler that asks for another time has answered: its child goes on', async () => {
  const executions = testExecutions();
  const { pid } = await itself(executions);
  await inPool(executions, 'later');
  await inPool(executions, 'unstorable');
  expect((await itself(executions)).pid).toBe(pid);
});

test('what an earlier attempt reports or prints late is not taken for the next one’s, and the log says what may be', async () => {
  const executions = testExecutions();
  const effects = await effectsFile();
  const told: Progress[] = [];
  const onProgress = (progress: Progress): void => void told.push(progress);
  const once = (await effectsFile()).file;
  await inPool(executions, 'goes.on', { input: { once, file: effects.file }, onProgress });
  writeFileSync(once, '');
  await expect.poll(() => effects.lines()).toEqual(['printed']);
  const { report } = await inPool(executions, 'prints', { input: ['mine', '', 'mine too'], onProgress });
  expect(told).toEqual([]);
  const [head, ...lines] = report.log_tail!.map((line) => line.replace(/^\S+ \S+ /, ''));
  expect(head).toMatch(/^runner in a process that had run 1 attempt\(s\) before; 1 line\(s\) printed between attempts/);
  expect(lines.filter((line) => line.startsWith('stdout'))).toEqual(['stdout mine', 'stdout ', 'stdout mine too']);
  expect(lines).toContain('stderr to stderr');
  expect(lines).toHaveLength(4);
});

test('usage is that of the attempt, not of the child', async () => {
  const executions = testExecutions();
  const { report: first } = await inPool(executions, 'burns', { input: 500 });
  const { report: second } = await inPool(executions, 'is.itself');
  expect(first.usage?.cpu_ms).toBeGreaterThanOrEqual(500);
  expect(second.usage?.cpu_ms).toBeLessThan(250);
});

test('children beyond the number kept warm end when they have had nothing to do for a while', async () => {
  const executions = testExecutions();
  const limits = { warm: 1, idleMs: 300 };
  const input = { ms: 200 };
  const both = await Promise.all([itself(executions, limits, input), itself(executions, limits, input)]);
  const pids = both.map(({ pid }) => pid);
  expect(new Set(pids).size).toBe(2);
  const living = (): number[] => pids.filter((pid) => processStart(pid) !== undefined);
  await expect.poll(living, { timeout: 10_000 }).toHaveLength(1);
  expect((await itself(executions, limits)).pid).toBe(living()[0]);
});

test('a module that does not load fails its attempts, and nothing is started again and again', async () => {
  const executions = testExecutions();
  const effects = await effectsFile();
  const module = path.join(path.dirname(effects.file), 'broken.mjs');
  const count = `import { appendFileSync } from 'node:fs'; appendFileSync(${JSON.stringify(effects.file)}, 'loaded\\n');`;
  writeFileSync(module, `${count} throw new Error('not today');`);
  const handler = defineTask({ name: 'behaves.broken' }).handle(() => 1, { isolation: 'pool', module });
  executions.prestart([handler]);
  await expect.poll(() => effects.lines(), { timeout: 10_000 }).toHaveLength(1);
  expect(await runHandler(handler, { executions })).toMatchObject({ kind: 'retry', error: { code: 'MODULE_FAILED' } });
  await expect.poll(childrenHere, { timeout: 10_000 }).toEqual([]);
  // The one that waited, and the fresh one that was tried instead.
  expect(await effects.lines()).toHaveLength(2);
});

test('a runner starts its warm children before there is a task, and leaves none', async () => {
  const t = await testLedger();
  const handler = withLimits(behaviour('is.itself', 'pool'), { warm: 2 });
  const runner = await t.run([handler]);
  await expect.poll(childrenHere, { timeout: 10_000 }).toHaveLength(2);
  const warm = childrenHere();
  const { id } = await t.ledger.submit('behaves.is.itself', null);
  const { pid } = (await t.ledger.result(id, { timeoutMs: 20_000 })) as Itself;
  expect(warm).toContain(pid);
  await runner.stop();
  expect(childrenHere()).toEqual([]);
});
