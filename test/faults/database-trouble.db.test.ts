import { appendFileSync } from 'node:fs';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { defineTask, openLedger, type Handler } from '../../src/index.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { urlOfDatabase, withConnection } from '../support/admin-connection.ts';
import { createTestDatabase } from '../support/database.ts';
import { differencesFromLog, testLedger, typesOf, type TestLedger } from '../support/ledger.ts';
import { eventCount, inTransaction, waitsForLock } from '../support/leases.ts';
import { effectsFile } from '../support/runner-process.ts';
import { proxiedLedger } from '../support/through-proxy.ts';

const task = defineTask({ name: 'some.task' });

const writesTo = (file: string): Handler =>
  task.handle(({ attempt }) => {
    appendFileSync(file, `did ${attempt}\n`);
    return 'done';
  });

async function clientOf({ url }: TestLedger): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

test.each(['repeatable read', 'serializable'])(
  'a key met in a %s transaction that cannot see it is told as a serialization failure, and the retry names the task',
  async (isolation) => {
    const t = await testLedger();
    const tx = await clientOf(t);
    await tx.query(`begin isolation level ${isolation}; select 1`);
    const first = await t.ledger.submit('some.task', 1, { key: 'p1' });
    // The caller's own retry loop looks for this SQLSTATE: it must come through.
    await expect(t.ledger.submit('some.task', 1, { tx, key: 'p1' })).rejects.toMatchObject({ code: '40001' });
    await tx.query(`rollback; begin isolation level ${isolation}`);
    expect(await t.ledger.submit('some.task', 1, { tx, key: 'p1' })).toMatchObject({ id: first.id, created: false });
    await tx.query('commit');
    expect(await differencesFromLog(t)).toEqual([]);
  },
);

test.each(['repeatable read', 'serializable'])('submit works inside a %s transaction', async (isolation) => {
  const t = await testLedger();
  const tx = await clientOf(t);
  await tx.query(`begin isolation level ${isolation}`);
  const { id } = await t.ledger.submit('some.task', 1, { tx, key: 'p1' });
  await t.ledger.submitMany('some.task', [{ input: 2, key: 'p2' }, { input: 3 }], { tx });
  await tx.query('commit');
  expect(await t.ledger.get(id)).toMatchObject({ state: 'pending' });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('two applications that take two keys in opposite order: one deadlocks, retries, and both name the same tasks', async () => {
  const t = await testLedger();
  const inOrder = (keys: readonly string[], ready: () => void, go: Promise<unknown>): Promise<string[]> =>
    inTransaction(t.pool, 'commit', async (tx) => {
      const first = await t.ledger.submit('some.task', 1, { tx, key: keys[0]! });
      ready();
      await go;
      const second = await t.ledger.submit('some.task', 1, { tx, key: keys[1]! });
      return [first.id, second.id];
    });
  let ready = 0;
  let start = (): void => undefined;
  const go = new Promise<void>((resolve) => (start = resolve));
  const isReady = (): void => {
    ready += 1;
    if (ready === 2) start();
  };
  const both = await Promise.allSettled([inOrder(['a', 'b'], isReady, go), inOrder(['b', 'a'], isReady, go)]);
  const failed = both.filter((one) => one.status === 'rejected');
  expect(failed).toMatchObject([{ reason: { code: '40P01' } }]);
  const [won] = both.filter((one) => one.status === 'fulfilled');
  const again = await inOrder(['a', 'b'], () => undefined, Promise.resolve());
  expect(again.sort()).toEqual([...won!.value].sort());
  expect(await t.ledger.list()).toHaveLength(2);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a runner whose statement is the victim of a deadlock sends it again: the task completes once', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  const { id } = await t.ledger.submit('some.task', 1);
  // An administrator's transaction locks in the other order; the runner's statement is made to give up first.
  await t.pool.query(`alter database ${new URL(t.url).pathname.slice(1)} set deadlock_timeout = '50ms'`);
  const admin = await clientOf(t);
  await admin.query(`set deadlock_timeout = '60s'; begin; lock table taskledger.claims in access exclusive mode`);
  const failed = t.ledger.signals.next('service.failed', ({ code }) => code === '40P01');
  await t.run([writesTo(effects.file)]);
  await waitsForLock(t, 'taskledger.claim');
  const opposite = admin.query('lock table taskledger.open_tasks in access exclusive mode');
  expect(await failed).toMatchObject({ service: expect.any(String) });
  await opposite;
  await admin.query('commit');
  expect(await t.ledger.result(id, { timeoutMs: 15_000 })).toBe('done');
  expect(await effects.lines()).toEqual(['did 1']);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('an exhausted pool is told as such in bounded time, and nothing was sent', async () => {
  const t = await testLedger();
  const before = await eventCount(t.pool);
  const pool = new pg.Pool({ connectionString: t.url, max: 1, connectionTimeoutMillis: 300 });
  onTestFinished(() => pool.end());
  const ledger = await openLedger({ pool });
  const taken = await pool.connect();
  const startedAt = performance.now();
  await expect(ledger.submit('some.task', 1)).rejects.toMatchObject({
    code: 'TASKLEDGER_UNREACHABLE',
    remedy: expect.stringContaining('pool'),
  });
  expect(performance.now() - startedAt).toBeLessThan(5000);
  taken.release();
  expect(await eventCount(t.pool)).toBe(before);
  expect(await ledger.submit('some.task', 1)).toMatchObject({ created: true });
});

test('an administrator ends every connection, again and again: the runner goes on', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  const items = Array.from({ length: 100 }, (_, n) => ({ input: n }));
  await t.ledger.submitMany('some.task', items);
  await t.run([writesTo(effects.file)], { leaseTtlMs: 3000, maxBatch: 10 });
  for (let times = 0; times < 3; times += 1) {
    await t.ledger.signals.next('claim.granted');
    await withConnection(t.url, (client) =>
      client.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
          where datname = current_database() and pid <> pg_backend_pid() and application_name like 'taskledger%'`,
      ),
    );
  }
  await expect.poll(() => t.ledger.list({ state: 'completed', limit: 200 }), { timeout: 20_000 }).toHaveLength(100);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('without LISTEN, as behind a transaction pooler, polling finds the tasks', async () => {
  const { direct, proxy, through, runThrough } = await proxiedLedger();
  const effects = await effectsFile();
  const refuseDoorbell = async (): Promise<void> => {
    for (;;) await proxy.loseRequest('doorbell');
  };
  void refuseDoorbell();
  const lost = through.signals.next('connection.lost', ({ purpose }) => purpose === 'listen');
  await runThrough([writesTo(effects.file)]);
  await lost;
  await through.signals.next('claim.granted', ({ tasks }) => tasks === 0);
  const { id } = await direct.ledger.submit('some.task', 1);
  expect(await direct.ledger.result(id, { timeoutMs: 5000 })).toBe('done');
  expect(await effects.lines()).toEqual(['did 1']);
});

test('a database that only reads refuses clearly, and takes tasks again when it writes', async () => {
  const t = await testLedger();
  const before = await eventCount(t.pool);
  const name = new URL(t.url).pathname.slice(1);
  await t.pool.query(`alter database ${name} set default_transaction_read_only = on`);
  const ledger = await openLedger({ connectionString: t.url });
  onTestFinished(() => ledger.close());
  const error: unknown = await ledger.submit('some.task', 1).catch((thrown: unknown) => thrown);
  expect(String(error)).toMatch(/read.only/i);
  expect(error).toHaveProperty('code', expect.stringMatching(/^(TASKLEDGER_|25006)/));
  expect(await eventCount(t.pool)).toBe(before);
  await t.pool.query(
    `set default_transaction_read_only = off; alter database ${name} reset default_transaction_read_only`,
  );
  await ledger.close();
  expect(await t.ledger.submit('some.task', 1)).toMatchObject({ created: true });
});

test('a database dropped and made anew under a running runner is claimed from again', async () => {
  const database = await createTestDatabase();
  onTestFinished(() => database.drop());
  const ledger = await openLedger({ connectionString: database.url });
  onTestFinished(() => ledger.close());
  const runner = ledger.runner({ handlers: [task.handle(() => 'done')], pollMs: 50, leaseTtlMs: 3000 });
  onTestFinished(() => runner.stop(0));
  await runner.start();
  await ledger.signals.next('claim.granted');
  const failed = ledger.signals.next('service.failed');
  await database.drop();
  await failed;
  await withConnection(urlOfDatabase(database.url, 'postgres'), (admin) =>
    admin.query(`create database ${database.name}`),
  );
  await migrate({ connectionString: database.url, site: 'ams' });
  const { id } = await ledger.submit('some.task', 1);
  expect(await ledger.result(id, { timeoutMs: 15_000 })).toBe('done');
});

test('a schema that becomes newer than the code is refused to newcomers; the runner that is there goes on', async () => {
  const t = await testLedger();
  const effects = await effectsFile();
  await t.run([writesTo(effects.file)]);
  await t.ledger.signals.next('claim.granted');
  await t.pool.query(`insert into taskledger.migrations (name, timestamp) values ('9999_of_the_future', '2030-01-01')`);
  await expect(openLedger({ connectionString: t.url })).rejects.toMatchObject({ code: 'TASKLEDGER_SCHEMA_NEWER' });
  const { id } = await t.ledger.submit('some.task', 1);
  expect(await t.ledger.result(id, { timeoutMs: 5000 })).toBe('done');
  expect(typesOf(await t.ledger.history(id))).toEqual(['submitted', 'leased', 'completed']);
});
