import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock, type Clock } from '../../src/clock.ts';
import { openLedger } from '../../src/open-ledger.ts';
import { askForLog, logChannel } from '../../src/ledger/ask-for-log.ts';
import { defineTask } from '../../src/ledger/define-task.ts';
import { reportLog } from '../../src/ledger/report-log.ts';
import { claimSome, settleAll } from '../support/leases.ts';
import { testLedger } from '../support/ledger.ts';
import { watching } from '../support/watching.ts';
import { deferred } from '../runner/fakes.ts';

const says = defineTask<string>({ name: 'some.task', retry: { attempts: 1 } });

/** Time goes twenty times as fast. */
const hasty: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic() * 20,
  sleep: (ms, signal) => systemClock.sleep(ms / 20, signal),
};

test('who watches a running task sees what was logged last, then each line as it comes, and the last ones with the outcome', async () => {
  const t = await testLedger();
  const [goOn, end] = [deferred<undefined>(), deferred<undefined>()];
  const handler = says.handle(async ({ log }) => {
    log.info('before anybody watched');
    await goOn.promise;
    log.warn('while watched');
    await end.promise;
    log.error('at the end');
    throw new Error('no luck');
  });
  await t.run([handler]);
  const { id } = await t.ledger.submit(says, 'x');
  const started = t.ledger.signals.next('log.watched');
  const [first, second] = [watching(t.ledger, id), watching(t.ledger, id)];
  await started;
  await expect
    .poll(() => [first.seen.at(-1), second.seen.at(-1)])
    .toEqual(['info before anybody watched', 'info before anybody watched']);
  goOn.resolve(undefined);
  await expect.poll(() => first.seen.at(-1)).toBe('warn while watched');
  const stopped = t.ledger.signals.next('log.unwatched');
  end.resolve(undefined);
  await Promise.all([first.over, second.over]);
  expect(first.seen).toEqual([
    ...['task.submitted', 'task.leased', 'info before anybody watched', 'warn while watched'],
    ...['error at the end', 'task.failed'],
  ]);
  expect(second.seen).toEqual(first.seen);
  expect(await stopped).toMatchObject({ taskId: id });
});

test('lines are sent by whoever holds the lease, to those who watch, and not more often than every tenth of a second', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  expect(await askForLog(t.pool, id, randomUUID())).toBe('pending');
  const claim = await claimSome(t.pool, 1);
  const lease = { ...claim, taskId: id };
  const log = { first: 0, lines: ['one', 'two "2" ü'] };
  expect(await reportLog(t.pool, lease, log)).toBe('nobody');

  const watcher = randomUUID();
  const client = new pg.Client({ connectionString: t.url });
  await client.connect();
  onTestFinished(() => client.end());
  const heard: unknown[] = [];
  const runners: string[] = [];
  client.on('notification', ({ channel, payload = '' }) =>
    channel === 'taskledger_watch' ? runners.push(payload) : heard.push(JSON.parse(payload)),
  );
  await client.query(`listen ${logChannel(watcher)}; listen taskledger_watch`);
  expect(await askForLog(t.pool, id, watcher)).toBe('leased');
  expect(await askForLog(t.pool, id, watcher)).toBe('leased');
  await client.query('select');
  expect(runners).toEqual([`${id} new`, id]);
  expect(heard.splice(0)).toEqual([{ watched: id }, { watched: id }]);

  expect(await reportLog(t.pool, { ...lease, secret: 'x'.repeat(36) }, log)).toBe('lost');
  expect(await reportLog(t.pool, lease, log)).toBe('told');
  expect(await reportLog(t.pool, lease, log)).toBe('later');
  await client.query('select');
  expect(heard).toEqual([{ lease: [1, 2], attempt: 1, ...log }]);
  const tooMuch = { first: 0, lines: ['x'.repeat(7990)] };
  await expect(reportLog(t.pool, lease, tooMuch)).rejects.toMatchObject({ code: 'TL002' });
  for (let i = 0; i < 19; i += 1) await askForLog(t.pool, id, randomUUID());
  await expect(askForLog(t.pool, id, randomUUID())).rejects.toMatchObject({ code: 'TL002' });

  await t.pool.query("update taskledger.watches set until = now() - interval '1 s'");
  expect(await reportLog(t.pool, lease, log)).toBe('nobody');
  await settleAll(t.pool, claim, 'completed');
  expect(await reportLog(t.pool, lease, log)).toBe('lost');
});

test('where no lines can come the story goes on, says why, and tells the lines with the outcome', async () => {
  const t = await testLedger();
  const { id } = await t.ledger.submit('some.task', 1);
  const claim = await claimSome(t.pool, 1);
  const ledger = await openLedger({ connectionString: t.url, clock: hasty });
  // As behind a pooler that lends a connection for a transaction: nothing is ever heard.
  class Lent extends pg.Client {
    constructor() {
      super({ connectionString: t.url });
    }
  }
  const pool = new pg.Pool({ connectionString: 'postgres://127.0.0.1:1/none', Client: Lent });
  const deaf = await openLedger({ pool, clock: hasty });
  onTestFinished(async () => {
    await Promise.all([ledger.close(), deaf.close()]);
    await pool.end();
  });
  const [one, other] = [watching(ledger, id), watching(deaf, id)];
  await expect.poll(() => one.seen.at(-1)).toBe('its runner sends nothing');
  await expect.poll(() => other.seen.at(-1)).toBe('notifications are not heard');
  const reportJson = JSON.stringify({ log_tail: ['2026-01-01T00:00:00.000Z warn stderr late'] });
  await settleAll(t.pool, claim, 'completed', { reportJson });
  await Promise.all([one.over, other.over]);
  for (const { seen } of [one, other]) expect(seen.slice(-2)).toEqual(['warn late', 'task.completed']);
});
