import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { defineTask } from '../../../src/index.ts';
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
      log_tail: expect.arrayContaining([expect.stringMatching(/Z stdout hello$/)]),
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

test('after kill -9 of the runner no process and no directory is left, though the child blocks its event loop', async () => {
  const effects = await effectsFile();
  const script = path.join(path.dirname(effects.file), 'runner.mjs');
  const compiled = (file: string): string => JSON.stringify(path.join(repositoryRoot, 'dist', file));
  writeFileSync(
    script,
    `import { systemClock } from ${compiled('clock.js')};
     import { ProcessExecution } from ${compiled('runner/execute/process-execution.js')};
     import { faulty } from ${JSON.stringify(new URL('./behaviours.mjs', import.meta.url).href)};
     const handler = faulty.find(({ definition }) => definition.name === 'behaves.blocks');
     const attempt = { taskId: 't', name: 'behaves.blocks', input: ${JSON.stringify(effects.file)}, attempt: 1,
       lease: { epoch: 1, version: 2 }, runAt: new Date(), checkpoint: undefined, stoppedFor: undefined,
       signal: new AbortController().signal, progress: async () => undefined };
     await new ProcessExecution(systemClock).run(attempt, handler);`,
  );
  const runner = spawn(process.execPath, [script], { stdio: 'ignore' });
  onTestFinished(() => void runner.kill('SIGKILL'));
  await expect.poll(() => effects.lines(), { timeout: 20_000 }).toHaveLength(1);
  const [child, left, directory] = (await readFile(effects.file, 'utf8')).trim().split(' ');
  expect([processStart(Number(child)), processStart(Number(left))]).not.toContain(undefined);
  runner.kill('SIGKILL');
  await expect.poll(() => processStart(Number(child)), { timeout: 10_000 }).toBeUndefined();
  await expect.poll(() => processStart(Number(left)), { timeout: 10_000 }).toBeUndefined();
  await expect.poll(() => existsSync(path.dirname(directory!)), { timeout: 10_000 }).toBe(false);
});

test('a runner does not start with a handler that its module does not export', async () => {
  const t = await testLedger();
  const { module } = behaviour('tells').isolation!;
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
