// The limit: a loop that inserts the same event rows and does nothing else. No queue, no claim, no handler.
import { readFileSync } from 'node:fs';
import { appTable, onEveryConnection, openPool, submitInTransactions } from '../pools.js';

const schema = readFileSync(new URL('bare-log.sql', import.meta.url), 'utf8');
const columns = 'site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data';

// Version 1 of n tasks.
const submitted = `insert into bench.events (${columns})
  select 'local', nextval('bench.event_seq'), 'main', 1, uuidv7(), 1, 'task.submitted', clock_timestamp(), session_user, null, $2::json
  from generate_series(1, $1::int)`;

// Versions 2 and 3 of n tasks: leased and completed, the two events a drained task costs.
const leasedAndCompleted = `insert into bench.events (${columns})
  select 'local', nextval('bench.event_seq'), 'main', 1, task.id, step.version, step.type, clock_timestamp(), session_user, null, step.data
  from (select uuidv7() as id from generate_series(1, $1::int) offset 0) as task,
    (values (2, 'task.leased', $2::json), (3, 'task.completed', $3::json)) as step (version, type, data)`;

// As large as the real ones: about 220, 180 and 110 bytes.
const data = {
  submitted: JSON.stringify({
    name: 'bench.noop',
    queue: 'default',
    priority: 0,
    input: { i: 12345 },
    start_after: '2026-01-01T00:00:00.000Z',
  }),
  leased: JSON.stringify({
    attempt: 1,
    runner: '01993d5c-7c1e-7b06-9f3b-6a1f0c4de8a1',
    lease_ms: 15000,
    handler: 'bench.noop',
    plugin: 'bench@1.0.0',
    digest: 'c'.repeat(16),
    secret_sha256: 'a'.repeat(64),
  }),
  completed: JSON.stringify({
    attempt: 1,
    token: 2,
    runner: '01993d5c-7c1e-7b06-9f3b-6a1f0c4de8a1',
    output: null,
    usage: { wall_ms: 0.1, cpu_user_ms: 0.1, cpu_system_ms: 0, max_rss_mb: 64 },
    log_tail: null,
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
      pool = await openPool(url, 16);
      await pool.query(schema);
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
      const { rows } = await pool.query("select count(*)::int as n from bench.events where type = 'task.completed'");
      return n - rows[0].n;
    },
    async close() {
      await pool?.end();
    },
  };
}
