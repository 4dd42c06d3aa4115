import { readFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { pageBlocks } from '../support/pages/page-blocks.ts';
import { PageSession } from '../support/pages/page-session.ts';
import { repositoryRoot } from '../support/repository.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';

/** What the example's module exports, as far as it is used here; it is plain JavaScript. */
interface Example {
  readonly placeOrder: (pool: pg.Pool, ledger: unknown, order: Order) => Promise<{ id: string; created: boolean }>;
}

interface Order {
  readonly id: string;
  readonly email: string;
  readonly cents: number;
}

const directory = path.join(repositoryRoot, 'examples/outbox');
const order = { id: 'o-1', email: 'ada@example.com', cents: 4200 };

async function shop() {
  const t = await testLedger();
  await t.pool.query(await readFile(path.join(directory, 'schema.sql'), 'utf8'));
  const { placeOrder } = (await import(path.join(directory, 'place-order.mjs'))) as Example;
  return { t, place: (one: Order) => placeOrder(t.pool, t.ledger, one) };
}

const counts = async ({ pool }: TestLedger): Promise<unknown> =>
  (
    await pool.query(
      'select (select count(*)::int from orders) as orders, count(*)::int as tasks from taskledger.tasks',
    )
  ).rows[0];

test('an order that is placed has its task, once, however often it is placed', async () => {
  const { t, place } = await shop();
  const first = await place(order);
  const [again, atTheSameTime] = await Promise.all([place(order), place(order)]);
  expect([first.created, again, atTheSameTime]).toMatchObject([
    true,
    { id: first.id, created: false },
    { id: first.id },
  ]);
  expect(await counts(t)).toEqual({ orders: 1, tasks: 1 });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('an order that is refused leaves no task, and a task that is refused leaves no order', async () => {
  const { t, place } = await shop();
  await expect(place({ ...order, cents: -1 })).rejects.toMatchObject({ code: '23514' });
  await expect(place({ ...order, email: 'nobody' })).rejects.toMatchObject({ code: 'TASKLEDGER_INVALID_INPUT' });
  expect(await counts(t)).toEqual({ orders: 0, tasks: 0 });
});

test('an order that fails at COMMIT, after its task was submitted, leaves no task', async () => {
  const { t, place } = await shop();
  await t.pool.query(`create table customers (email text primary key);
    alter table orders add foreign key (email) references customers deferrable initially deferred`);
  await expect(place(order)).rejects.toMatchObject({ code: '23503' });
  expect(await counts(t)).toEqual({ orders: 0, tasks: 0 });
});

test('an order whose connection breaks at COMMIT is placed again and exists once', async () => {
  const { t, place } = await shop();
  const breaking = new pg.Pool({ connectionString: t.url, max: 1 });
  onTestFinished(() => breaking.end());
  breaking.on('error', () => undefined);
  breaking.on('connect', (client) => {
    client.on('error', () => undefined);
    const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
    // The server commits; the application never hears of it.
    Object.assign(client, {
      query: async (...args: unknown[]) => {
        const answer = await query(...args);
        if (args[0] === 'commit') throw new Error('the connection was lost');
        return answer;
      },
    });
  });
  const { placeOrder } = (await import(path.join(directory, 'place-order.mjs'))) as Example;
  await expect(placeOrder(breaking, t.ledger, order)).rejects.toThrow('the connection was lost');
  expect(await place(order)).toMatchObject({ created: false });
  expect(await counts(t)).toEqual({ orders: 1, tasks: 1 });
});

test('the example’s own page works as it is written, and one mail is sent', async () => {
  await using session = await PageSession.start();
  await session.follow(pageBlocks('examples/outbox/README.md'));
  await session.stopBackground();
  expect(await readFile(path.join(session.directory, 'mails.txt'), 'utf8')).toBe(
    'to ada@example.com: your order o-1\n',
  );
}, 90_000);
