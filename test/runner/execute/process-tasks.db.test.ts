import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { LimitOptions } from '../../../src/ledger/child-limits.ts';
import { childrenIn } from './children-here.ts';
import { groupsOf } from './run-hostile.ts';
import { defineTask, type ProcessIsolation } from '../../../src/index.ts';
import { effectsFile } from '../../support/runner-process.ts';
import { differencesFromLog, testLedger, typesOf } from '../../support/ledger.ts';
import { repositoryRoot } from '../../support/repository.ts';
import { behaviour, processStart, withGrace } from './run-attempt.ts';

/** Children under a real runner on a real ledger. */

test('a task in a process is completed, and its history tells its usage and its log', async () => {
  const t = await testLedger();
  await t.run([behaviour('prints')]);
  const { id } = await t.ledger.submit('behaves.prints', ['hello']);
  expect(await t.ledger.result(id, { timeoutMs: 20_000 })).toBe('printed');
  const history = await t.ledger.history(id);
  expect(history.at(-1)).toMatchObject({
    type: 'task.completed',
    data: {
      usage: { cpu_ms: expect.any(Number), max_rss_bytes: expect.any(Number) },
      log_tail: expect.arrayContaining([expect.stringMatching(/Z info stdout hello$/)]),
    },
  });
  expect(await differencesFromLog(t)).toEqual([]);
});

/** Guarantee: 1 s. Twice that, since the clock also runs while a loaded machine does something else. */
const heardWithinMs = 2000;

test('an abort reaches the child within a second, and the event says which signal it needed', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  await t.run([behaviour('hears')]);
  const { id } = await t.ledger.submit('behaves.hears', effects.file);
  await expect.poll(() => effects.lines(), { timeout: 20_000 }).toEqual(['began']);
  const ended = t.ledger.signals.next('attempt.ended');
  const askedAt = Date.now();
  await t.ledger.abort(id);
  expect(await ended).toMatchObject({ outcome: 'aborted' });
  await t.settled();
  expect((await t.ledger.history(id)).at(-1)).toMatchObject({
    type: 'task.aborted',
    data: { killed: 'kill', exit_signal: 'SIGKILL' },
  });
  const heardAt = Number((await effects.lines())[1]?.split(' ')[1]);
  expect(heardAt - askedAt).toBeLessThan(heardWithinMs);
});

test('I9: a protected task whose child died after its effect is in doubt, and its effect happened once', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  await t.run([behaviour('pays')]);
  const ended = t.ledger.signals.next('settle.recorded');
  const { id } = await t.ledger.submit('behaves.pays', effects.file, { protected: true });
  await ended;
  expect(typesOf(await t.ledger.history(id))).toEqual(['submitted', 'leased', 'in_doubt']);
  expect((await t.ledger.history(id)).at(-1)).toMatchObject({
    data: { why: 'nobody said how the attempt ended (CHILD_SIGNALED)', exit_signal: 'SIGKILL' },
  });
  expect(await effects.lines()).toEqual(['paid 1']);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a runner that is stopped ends its children, gives their tasks back, and leaves nothing', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  const runner = await t.run([behaviour('blocks')]);
  const { id } = await t.ledger.submit('behaves.blocks', effects.file);
  await expect.poll(() => effects.lines(), { timeout: 20_000 }).toHaveLength(1);
  await runner.stop(0);
  const [line = ''] = await effects.lines();
  const [child, left, directory] = line.split(' ');
  expect([processStart(Number(child)), processStart(Number(left))]).toEqual([undefined, undefined]);
  expect(existsSync(path.dirname(directory!))).toBe(false);
  expect(await t.ledger.get(id)).toMatchObject({ state: 'pending' });
});

test('a runner that must hurry kills its children before it gives their tasks back', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  const runner = await t.run([withGrace(behaviour('blocks'), 600_000)]);
  const { id } = await t.ledger.submit('behaves.blocks', effects.file);
  await expect.poll(() => effects.lines(), { timeout: 20_000 }).toHaveLength(1);
  runner.hurry();
  await runner.stop();
  expect((await t.ledger.history(id)).at(-1)).toMatchObject({
    type: 'task.lease_released',
    data: { killed: 'kill', exit_signal: 'SIGKILL' },
  });
});

/** A runner of its own, killed while one attempt blocks its child; in a pool another child waits. */
const runnerScript = (level: string, file: string, limits: LimitOptions | undefined): string => {
  const compiled = (name: string): string => JSON.stringify(path.join(repositoryRoot, 'dist', name));
  return `
    import { appendFileSync } from 'node:fs';
    import { systemClock } from ${compiled('clock.js')};
    import { Executions } from ${compiled('runner/execute/executions.js')};
    import { LogTail } from ${compiled('runner/execute/log-tail.js')};
    import { faulty } from ${JSON.stringify(new URL('./behaviours.mjs', import.meta.url).href)};
    const executions = new Executions(systemClock);
    const attempt = (name, input) => {
      const found = faulty.find(({ definition }) => definition.name === name);
      const handler = { ...found, isolation: { ...found.isolation, isolation: ${JSON.stringify(level)}, limits: ${JSON.stringify(limits)} } };
      return executions.of(handler).run({ taskId: 't', name, input, attempt: 1,
        lease: { epoch: 1, version: 2 }, runAt: new Date(), checkpoint: undefined, stoppedFor: undefined,
        signal: new AbortController().signal, progress: async () => undefined,
        tail: new LogTail(systemClock) }, handler);
    };
    await Promise.all([
      attempt('behaves.blocks', ${JSON.stringify(file)}),
      attempt('behaves.is.itself', { ms: 300 }).then(({ outputJson }) =>
        appendFileSync(${JSON.stringify(file)}, JSON.parse(outputJson).pid + '\\n')),
    ]);`;
};

test.each([
  ['process', undefined] as const,
  ['pool', undefined] as const,
  ['process', { memory: '512MB', processes: 64, disk: '1MB' }] as const,
])(
  'after kill -9 of the runner no process, directory, mount or control group is left, though a child blocks its event loop: %s %o',
  async (level, limits) => {
    const effects = await effectsFile();
    const script = path.join(path.dirname(effects.file), 'runner.mjs');
    writeFileSync(script, runnerScript(level, effects.file, limits));
    const runner = spawn(process.execPath, [script], { stdio: 'ignore' });
    onTestFinished(() => void runner.kill('SIGKILL'));
    await expect.poll(() => effects.lines(), { timeout: 20_000 }).toHaveLength(2);
    const [line = '', waiting = ''] = await effects.lines();
    const [child = '', left = '', directory = ''] = line.split(' ');
    if (limits !== undefined) {
      // Its numbers are those of its namespace; what it has is known by where it works.
      expect(childrenIn(directory).length).toBeGreaterThan(0);
      runner.kill('SIGKILL');
      await expect.poll(() => childrenIn(directory), { timeout: 10_000 }).toEqual([]);
      await expect.poll(() => existsSync(path.dirname(directory)), { timeout: 10_000 }).toBe(false);
      await expect.poll(() => groupsOf(runner.pid!), { timeout: 10_000 }).toEqual([]);
      return;
    }
    expect([child, left].map((pid) => processStart(Number(pid)))).not.toContain(undefined);
    expect(processStart(Number(waiting)) !== undefined).toBe(level === 'pool');
    runner.kill('SIGKILL');
    for (const pid of [child, left, waiting]) {
      await expect.poll(() => processStart(Number(pid)), { timeout: 10_000 }).toBeUndefined();
    }
    await expect.poll(() => existsSync(path.dirname(directory)), { timeout: 10_000 }).toBe(false);
  },
);

test('a runner does not start with a handler that its module does not export', async () => {
  const t = await testLedger();
  const { module } = behaviour('tells').isolation as ProcessIsolation;
  const handlerOf = (name: string, at: string): ReturnType<typeof behaviour> =>
    defineTask({ name }).handle(() => 1, { isolation: 'process', module: at });
  await expect(t.run([handlerOf('behaves.missing', module)])).rejects.toMatchObject({
    code: 'TASKLEDGER_HANDLERS_INVALID',
    message: expect.stringMatching(/behaviours\.mjs to export one handler of behaves\.missing; found none/),
  });
  await expect(t.run([handlerOf('behaves.tells', '/no/such.mjs')])).rejects.toMatchObject({
    code: 'TASKLEDGER_HANDLERS_INVALID',
    message: expect.stringContaining('no such file'),
  });
});

test('a runner does not start where a limit that is required would not be held', async () => {
  const t = await testLedger();
  const handler = behaviour('tells');
  // On no machine has the directory of a child that runs one attempt after the other a size of its own.
  const limits = { disk: '1MB', required: ['disk'] } as const;
  const isolation = { ...(handler.isolation as ProcessIsolation), isolation: 'pool', limits } as const;
  await expect(t.run([{ ...handler, isolation }])).rejects.toMatchObject({
    code: 'TASKLEDGER_LIMIT_NOT_HELD',
    message: expect.stringContaining('disk 1MB of behaves.tells by'),
  });
});
