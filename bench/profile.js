// Where the time of a turn goes: what pg_stat_statements saw of it, statement by statement, those within functions too, and a
// CPU profile of every process of ours. It costs something itself: figures of a profiled turn are for finding, not for quoting.
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const most = 25;
const textLength = 110;

export const profileSettings = {
  shared_preload_libraries: 'pg_stat_statements',
  'pg_stat_statements.track': 'all',
  'pg_stat_statements.max': '10000',
  track_io_timing: 'on',
  track_wal_io_timing: 'on',
};

/** @returns the directory for the profiles of Node, to be opened in the developer tools of a browser. */
export function profileDirectory() {
  const directory = fileURLToPath(new URL('profiles/', import.meta.url));
  mkdirSync(directory, { recursive: true });
  return directory;
}

const statements = `
  select s.toplevel, s.calls::int, s.total_exec_time as ms, s.wal_bytes::float8 as wal, s.rows::float8 as rows,
         (s.shared_blks_hit + s.shared_blks_read)::float8 as blocks, s.parallel_workers_launched::int as workers, regexp_replace(s.query, '\\s+', ' ', 'g') as query
    from pg_stat_statements s join pg_database d on d.oid = s.dbid
   where d.datname = current_database() and s.calls > 0
   order by s.total_exec_time desc limit ${most}`;

async function on(url, work) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Begins the counting anew, in this database. */
export const resetProfile = (url) =>
  on(url, async (client) => {
    await client.query('create extension if not exists pg_stat_statements');
    await client.query('select pg_stat_statements_reset(), pg_stat_reset_shared()');
  });

/** What was counted since, per task; a statement within a function is also part of the one that called it. */
export const readProfile = (url, tasks) =>
  on(url, async (client) => {
    const { rows } = await client.query(statements);
    const io = await client.query(
      `select backend_type, object, context, reads::int, writes::int, extends::int, fsyncs::int,
              coalesce(write_time, 0) + coalesce(fsync_time, 0) as write_ms
         from pg_stat_io where coalesce(writes, 0) + coalesce(fsyncs, 0) + coalesce(reads, 0) > 0`,
    );
    return {
      statements: rows.map(({ toplevel, calls, ms, wal, rows: answered, blocks, workers, query }) => ({
        within: toplevel ? undefined : true,
        calls,
        usPerTask: (ms * 1000) / tasks,
        walPerTask: wal / tasks,
        rowsPerTask: answered / tasks,
        blocksPerTask: blocks / tasks,
        workers,
        query: query.slice(0, textLength),
      })),
      io: io.rows,
    };
  });

export function profileTable({ statements: rows, io }) {
  const cell = (value, digits) => value.toFixed(digits).padStart(9);
  return [
    '     µs/task  WAL/task blocks/task  calls workers  (· within a function, and so part of another line too)',
    ...rows.map(
      ({ within, calls, usPerTask, walPerTask, blocksPerTask, workers, query }) =>
        `  ${within ? '·' : ' '}${cell(usPerTask, 2)}${cell(walPerTask, 0)}${cell(blocksPerTask, 1)}${String(calls).padStart(9)}${String(workers).padStart(8)}  ${query}`,
    ),
    ...io.map(
      ({ backend_type: who, object, context, reads, writes, extends: extended, fsyncs, write_ms: ms }) =>
        `  pg_stat_io ${who}, ${object} ${context}: ${reads} reads, ${writes} writes, ${extended ?? 0} extends, ${fsyncs ?? 0} fsyncs, ${ms.toFixed(0)} ms writing`,
    ),
  ].join('\n');
}
