// The limit: a loop that inserts the same event rows and does nothing else. No queue, no claim, no handler.
import { migrate } from '../../dist/index.js';
import { appTable, onEveryConnection, openPool, submitInTransactions } from '../pools.js';

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

export function bareLog({ timed }) {
  let url;
  let pool;

  return {
    name: 'bare-log',
    version: 'insert … select',
    async setup(databaseUrl) {
      url = databaseUrl;
      await migrate({ connectionString: url });
      pool = await openPool(url, 16);
      await pool.query(appTable);
    },
    submitBatch: (n, batch) =>
      timed(async () => {
        for (let i = 1; i <= n; i += batch) {
          await pool.query({
            name: 'submitted',
            text: submitted,
            values: [Math.min(batch, n - i + 1), data.submitted],
          });
        }
      }),
    submitInTransaction: (n) =>
      timed(() =>
        submitInTransactions(pool, n, (client) =>
          client.query({ name: 'submitted', text: submitted, values: [1, data.submitted] }),
        ),
      ),
    drainVariants: [
      { label: '2 connections', connections: 2, batch: 500 },
      { label: '4 connections', connections: 4, batch: 500 },
    ],
    async drain(n, { connections, batch }) {
      const own = await openPool(url, connections);
      const statement = {
        name: 'leased-and-completed',
        text: leasedAndCompleted,
        values: [batch, data.leased, data.completed],
      };
      try {
        return await timed(() => onEveryConnection(own, n / batch, (client) => client.query(statement)));
      } finally {
        await own.end();
      }
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
