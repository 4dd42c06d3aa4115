// The limit: a loop that inserts the same event rows and does nothing else. No queue, no claim, no handler.
import { randomUUID } from 'node:crypto';
import { migrate } from '../../dist/index.js';
import { appTable, onEveryConnection, openPool, submitInTransactions } from '../pools.js';
import { inBatches } from './in-batches.js';

const columns = 'site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data';

// Version 1 of n tasks.
const submitted = `insert into taskledger.events (${columns})
  select 'local', nextval('taskledger.event_seq'), 'local', 1, uuidv7(), 1, 'task.submitted', clock_timestamp(), session_user, null, $2::json
  from generate_series(1, $1::int)`;

// Versions 2 and 3 of n tasks: leased and completed, the two events a drained task costs.
const leasedAndCompleted = `insert into taskledger.events (${columns})
  select 'local', nextval('taskledger.event_seq'), 'local', 1, task.id, step.version, step.type, clock_timestamp(), session_user, null, step.data
  from (select uuidv7() as id from generate_series(1, $1::int) offset 0) as task,
    (values (2, 'task.leased', $2::json), (3, 'task.completed', $3::json)) as step (version, type, data)`;

// What the ledger itself writes for the same task.
const data = {
  submitted: JSON.stringify({
    name: 'bench.noop',
    input: { i: 12345 },
    queue: 'default',
    priority: 0,
    retry: { attempts: 3 },
  }),
  leased: JSON.stringify({
    attempt: 1,
    runner: 'some-host-12345-0123abcd',
    host: 'some-host',
    ttl_ms: 15000,
    lease_digest: 'a'.repeat(64),
  }),
  completed: JSON.stringify({
    lease: [1, 2],
    attempt: 1,
    started_at: '2026-01-01T00:00:00.123Z',
    finished_at: '2026-01-01T00:00:00.123Z',
  }),
};

const historyBatch = 50_000;

// Versions 1 to 3 of n tasks that ended long ago: many of one kind after the other, as batches write them. Written task by task
// each other page ended in room for an event of another size, and after a vacuum the next submissions went there, one to a page.
const lives = `insert into taskledger.events (${columns})
  select 'local', nextval('taskledger.event_seq'), 'local', 1, task.id, step.version, step.type, clock_timestamp(), session_user, null, step.data
  from (select uuidv7() as id from generate_series(1, $1::int) offset 0) as task,
    (values (1, 'task.submitted', $2::json), (2, 'task.leased', $3::json), (3, 'task.completed', $4::json)) as step (version, type, data)
  order by step.version`;

/** The events of n finished tasks, straight into the log. */
export const fillHistory = (pool, n) =>
  inBatches(n, historyBatch, (_from, count) => pool.query(lives, [count, data.submitted, data.leased, data.completed]));

const drainWith = (connections) => ({ label: `${connections} connections`, connections, batch: 500 });

export function bareLog({ timed }) {
  let url;
  let pool;

  /** The two events of n tasks, on so many connections, a batch of tasks in each statement. */
  async function record(n, connections, perTurn) {
    const own = await openPool(url, connections);
    try {
      return await timed(() => onEveryConnection(own, n, perTurn));
    } finally {
      await own.end();
    }
  }

  return {
    name: 'bare-log',
    version: 'insert … select',
    async setup(databaseUrl) {
      url = databaseUrl;
      await migrate({ connectionString: url });
      pool = await openPool(url, 16);
      await pool.query(appTable);
    },
    timed,
    pool: () => pool,
    query: (text, values) => pool.query(text, values),
    submit: (n, batch) =>
      inBatches(n, batch, (_from, count) =>
        pool.query({ name: 'submitted', text: submitted, values: [count, data.submitted] }),
      ),
    submitInTransaction: (n) =>
      timed(() =>
        submitInTransactions(pool, n, (client) =>
          client.query({ name: 'submitted', text: submitted, values: [1, data.submitted] }),
        ),
      ),
    drainVariants: [drainWith(2), drainWith(4)],
    likelyVariants: [drainWith(2)],
    byProcesses: (count) => drainWith(2 * count),
    drain(n, { connections, batch }) {
      const statement = {
        name: 'leased-and-completed',
        text: leasedAndCompleted,
        values: [batch, data.leased, data.completed],
      };
      return record(n / batch, connections, (client) => client.query(statement));
    },
    singleVariants: [{ label: '24 connections', connections: 24 }],
    // Two transactions for each task, as whoever claims and completes by itself has.
    drainOneAtATime(n, { connections }) {
      const one = (name, version) => ({
        name,
        text: `insert into taskledger.events (${columns})
          select 'local', nextval('taskledger.event_seq'), 'local', 1, $1::uuid, ${version}, $2, clock_timestamp(), session_user, null, $3::json`,
      });
      const [leased, completed] = [one('leased', 2), one('completed', 3)];
      return record(n, connections, async (client) => {
        const id = randomUUID();
        await client.query({ ...leased, values: [id, 'task.leased', data.leased] });
        await client.query({ ...completed, values: [id, 'task.completed', data.completed] });
      });
    },
    // Nothing waits here; the check is that the rows are there.
    async remaining(n) {
      const { rows } = await pool.query(
        "select count(*)::int as n from taskledger.events where type = 'task.completed'",
      );
      return n - rows[0].n;
    },
    async close() {
      await pool?.end();
    },
  };
}
