import { appendFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { defineTask } from '../../src/index.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';
import { ledgerOnOwnServer } from '../support/own-server.ts';
import { effectsFile } from '../support/runner-process.ts';
import { canMountDisks, mountSmallDisk } from '../support/small-disk.ts';

const task = defineTask({ name: 'some.task' });
const isReal = canMountDisks();
const how = isReal ? '' : ' (SIMULATED by a trigger: this machine mounts no loop device)';
const bulk = 'x'.repeat(200_000);

interface Trouble {
  readonly error: unknown;
  /** Tasks whose submit was answered. */
  readonly acknowledged: readonly string[];
}

async function submitUntilRefused({ ledger }: TestLedger): Promise<Trouble> {
  const acknowledged: string[] = [];
  for (;;) {
    try {
      acknowledged.push((await ledger.submit('some.task', bulk)).id);
    } catch (error) {
      return { error, acknowledged };
    }
  }
}

async function endsWell(t: TestLedger, { acknowledged }: Trouble, effects: () => Promise<string[]>): Promise<void> {
  for (const id of acknowledged) expect(await t.ledger.result(id, { timeoutMs: 30_000 })).toBe('done');
  const lines = await effects();
  expect(acknowledged.filter((id) => !lines.some((line) => line.startsWith(id)))).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
}

test(`a full disk refuses clearly and loses nothing; with room again, tasks and runners go on (I1, I10)${how}`, async () => {
  const effects = await effectsFile();
  const handler = task.handle(({ taskId, attempt }) => {
    appendFileSync(effects.file, `${taskId} did ${attempt}\n`);
    return 'done';
  });
  if (!isReal) {
    await simulated(handler, () => effects.lines());
    return;
  }
  const disk = mountSmallDisk('400M');
  const own = await ledgerOnOwnServer(path.join(disk.directory, 'server'));
  const before = await own.ledger.submit('some.task', 'before');
  disk.fill();
  const trouble = await submitUntilRefused(own);
  expect(trouble.error).toMatchObject({ code: expect.stringMatching(/^TASKLEDGER_(UNREACHABLE|OUTCOME_UNKNOWN)$/) });
  const failed = own.ledger.signals.next('service.failed');
  await own.run([handler], { leaseTtlMs: 3000 });
  await Promise.race([failed, own.ledger.signals.next('settle.recorded')]);
  disk.free();
  // A server that cannot write its WAL stops; its service manager starts it again.
  if (!own.server.running) await own.server.restart();
  const after = await expect
    .poll(() => own.ledger.submit('some.task', 'after', { key: 'after' }).catch(() => undefined), { timeout: 20_000 })
    .toBeDefined()
    .then(() => own.ledger.submit('some.task', 'after', { key: 'after' }));
  await endsWell(own, { ...trouble, acknowledged: [before.id, ...trouble.acknowledged, after.id] }, () =>
    effects.lines(),
  );
}, 120_000);

async function simulated(handler: ReturnType<typeof task.handle>, lines: () => Promise<string[]>): Promise<void> {
  const t = await testLedger();
  const first = await t.ledger.submit('some.task', 1);
  await t.pool.query(`
    create function public.full_disk() returns trigger language plpgsql as
      $$ begin raise exception using errcode = '53100', message = 'could not extend file: No space left on device'; end $$;
    create trigger full_disk before insert on taskledger.events for each row execute function public.full_disk()`);
  const trouble = await submitUntilRefused(t);
  expect(trouble.error).toMatchObject({ code: 'TASKLEDGER_UNREACHABLE' });
  const failed = t.ledger.signals.next('service.failed');
  await t.run([handler]);
  await failed;
  await t.pool.query('drop trigger full_disk on taskledger.events');
  await endsWell(t, { ...trouble, acknowledged: [first.id] }, lines);
}
