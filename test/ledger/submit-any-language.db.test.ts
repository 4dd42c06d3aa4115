import { execFile, spawnSync } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';
import { eventCount } from '../support/leases.ts';
import { repositoryRoot } from '../support/repository.ts';

const run = promisify(execFile);

const works = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore', timeout: 10_000 }).status === 0;
const hasPsql = works('psql', '--version');
const hasPsycopg2 = works('/usr/bin/python3', '-c', 'import psycopg2');
const because = (has: boolean, what: string): string => (has ? '' : ` (not run: this machine has no ${what})`);

/** The promised call, as interface.md prints it, in a transaction that also writes the application's own row. */
const promised = `select * from taskledger.submit(name => 'payouts.settle', input => '{"payoutId":"p1"}', options => '{"key":"p1"}')`;
const ordersOf = async ({ pool }: TestLedger): Promise<unknown[]> =>
  (await pool.query<{ id: string }>('select id from public.orders')).rows;

/** What psql prints of the promised call in a transaction: id|site|seq|created, and the command tags around it. */
async function psql(url: string, end: 'commit' | 'rollback', call = promised): Promise<string[]> {
  const script = `begin; insert into public.orders values ('p1'); ${call}; ${end};`;
  const args = ['--no-psqlrc', '--no-align', '--tuples-only', '--set=ON_ERROR_STOP=1', '--command', script, url];
  const { stdout } = await run('psql', args, { timeout: 20_000 });
  return stdout.trim().split('\n');
}

const pythonScript = `
import json, sys, psycopg2
url, end, payout = sys.argv[1:4]
connection = psycopg2.connect(url)
with connection.cursor() as cursor:
    cursor.execute("insert into public.orders values (%s)", (payout,))
    cursor.execute(
        "select id::text, site, seq, created from taskledger.submit(name => %s, input => %s, options => %s)",
        ("payouts.settle", json.dumps({"payoutId": payout, "note": "naïve 😀"}), json.dumps({"key": payout})))
    print(json.dumps(cursor.fetchone()))
connection.commit() if end == "commit" else connection.rollback()
connection.close()
`;

const packageScript = `
import json, sys, psycopg2
url, end, package = sys.argv[1:4]
sys.path.insert(0, package)
from taskledger import LedgerError, submit
connection = psycopg2.connect(url)
with connection.cursor() as cursor:
    cursor.execute("insert into public.orders values ('p1')")
    submitted = submit(cursor, "payouts.settle", {"payoutId": "p1", "note": "100 % naïve 😀"}, key="p1", priority=3)
connection.commit() if end == "commit" else connection.rollback()
code = None
with connection.cursor() as cursor:
    try:
        submit(cursor, "payouts.settle", {"payoutId": "p2"}, key="p1")
    except LedgerError as error:
        code = error.code
connection.rollback()
print(json.dumps([submitted._asdict(), code]))
`;

/** What `submit` of the Python package answered, and the code of a second one with the same key and another input. */
async function pythonPackage(
  url: string,
  end: 'commit' | 'rollback',
): Promise<[{ id: string; site: string; seq: number; created: boolean }, string | null]> {
  const args = ['-c', packageScript, url, end, path.join(repositoryRoot, 'runtimes/python/src')];
  const { stdout } = await run('/usr/bin/python3', args, { timeout: 20_000 });
  return JSON.parse(stdout) as Awaited<ReturnType<typeof pythonPackage>>;
}

async function python(
  url: string,
  end: 'commit' | 'rollback',
  payout = 'p1',
): Promise<[string, string, number, boolean]> {
  const { stdout } = await run('/usr/bin/python3', ['-c', pythonScript, url, end, payout], { timeout: 20_000 });
  return JSON.parse(stdout) as [string, string, number, boolean];
}

async function ledgerWithOrders(): Promise<TestLedger> {
  const t = await testLedger();
  await t.pool.query('create table public.orders (id text primary key)');
  return t;
}

test.runIf(hasPsql)(`with psql, a task exists if its transaction commits${because(hasPsql, 'psql')}`, async () => {
  const t = await ledgerWithOrders();
  const printed = (await psql(t.url, 'commit')).find((line) => line.includes('|'));
  const [id, site, seq, created] = printed!.split('|');
  expect({ site, created }).toEqual({ site: 'ams', created: 't' });
  const [submitted] = await t.ledger.history(id!);
  expect(submitted).toMatchObject({ seq: BigInt(seq!), data: { name: 'payouts.settle', key: 'p1' } });
  expect(await t.ledger.get(id!)).toMatchObject({ state: 'pending', input: { payoutId: 'p1' } });
  expect(await ordersOf(t)).toHaveLength(1);
  expect(await differencesFromLog(t)).toEqual([]);
});

test.runIf(hasPsql)(`with psql, a rollback leaves no trace${because(hasPsql, 'psql')}`, async () => {
  const t = await ledgerWithOrders();
  const before = await eventCount(t.pool);
  await psql(t.url, 'rollback');
  expect(await eventCount(t.pool)).toBe(before);
  expect(await ordersOf(t)).toEqual([]);
  expect((await psql(t.url, 'commit')).find((line) => line.includes('|'))).toMatch(/\|t$/);
});

test.runIf(hasPsql)(
  `with psql, a refusal says what is wrong and takes the order along${because(hasPsql, 'psql')}`,
  async () => {
    const t = await ledgerWithOrders();
    const wrong = `select * from taskledger.submit('payouts.settle', '1', '{"prioritiy":5}')`;
    await expect(psql(t.url, 'commit', wrong)).rejects.toThrow(/prioritiy.*nothing of this call was recorded/s);
    expect(await ordersOf(t)).toEqual([]);
  },
);

const withDriver = because(hasPsycopg2, 'psycopg2 for /usr/bin/python3');

test.runIf(hasPsycopg2)(`with a Python driver, a task exists if its transaction commits${withDriver}`, async () => {
  const t = await ledgerWithOrders();
  const [id, site, seq, created] = await python(t.url, 'commit');
  expect({ site, created }).toEqual({ site: 'ams', created: true });
  expect(await t.ledger.get(id)).toMatchObject({
    submitted: { site, seq: BigInt(seq) },
    input: { payoutId: 'p1', note: 'naïve 😀' },
  });
  expect(await ordersOf(t)).toHaveLength(1);
  // Another language asks with the same key: the same task.
  const again = await t.ledger.submit('payouts.settle', { note: 'naïve 😀', payoutId: 'p1' }, { key: 'p1' });
  expect(again).toEqual({ id, site, seq: BigInt(seq), created: false });
  expect(await differencesFromLog(t)).toEqual([]);
});

test.runIf(hasPsycopg2)(`with a Python driver, a rollback leaves no trace${withDriver}`, async () => {
  const t = await ledgerWithOrders();
  const before = await eventCount(t.pool);
  await python(t.url, 'rollback');
  expect(await eventCount(t.pool)).toBe(before);
  expect(await ordersOf(t)).toEqual([]);
  expect((await python(t.url, 'commit'))[3]).toBe(true);
});

test.runIf(hasPsycopg2)(`with the Python package, a task exists if its transaction commits${withDriver}`, async () => {
  const t = await ledgerWithOrders();
  const [rolledBack, nothing] = await pythonPackage(t.url, 'rollback');
  expect([rolledBack.created, nothing, await ordersOf(t)]).toEqual([true, null, []]);
  await expect(t.ledger.get(rolledBack.id)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_FOUND' });
  const [{ id, site, seq, created }, conflict] = await pythonPackage(t.url, 'commit');
  expect([created, conflict]).toEqual([true, 'TASKLEDGER_KEY_CONFLICT']);
  expect(await t.ledger.get(id)).toMatchObject({
    submitted: { site, seq: BigInt(seq) },
    priority: 3,
    input: { payoutId: 'p1', note: '100 % naïve 😀' },
  });
  expect(await ordersOf(t)).toHaveLength(1);
  expect(await differencesFromLog(t)).toEqual([]);
});
