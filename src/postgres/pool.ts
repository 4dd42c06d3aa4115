import pg from 'pg';
import { requireConnectionString } from './connection-string.ts';

export interface PoolOptions {
  readonly connectionString: string;
  /** Connections at most; default 10. They are opened when needed. */
  readonly max?: number | undefined;
  /** What `pg_stat_activity` shows; default `taskledger`. */
  readonly applicationName?: string | undefined;
  /** How long a statement may wait for its answer before its connection is given up for dead; default for ever. */
  readonly answerTimeoutMs?: number | undefined;
}

/** How long a connection may take to come about, waiting for a free one of the pool included. */
const connectTimeoutMs = 10_000;

/**
 * A pool of connections to one database. Nothing connects before the first query, and pg's global type parsers are left
 * alone: an application may share this copy of pg.
 * @throws LedgerError TASKLEDGER_INVALID_URL
 */
export function createPool(options: PoolOptions): pg.Pool {
  const { connectionString, max = 10, applicationName = 'taskledger', answerTimeoutMs } = options;
  const pool = new pg.Pool({
    connectionString: requireConnectionString(connectionString),
    max,
    application_name: applicationName,
    connectionTimeoutMillis: Math.min(connectTimeoutMs, answerTimeoutMs ?? connectTimeoutMs),
    // A link that swallows everything looks alive to the kernel for a quarter of an hour, and idle for hours.
    ...(answerTimeoutMs === undefined ? {} : { query_timeout: answerTimeoutMs }),
    keepAlive: true,
  });
  // The pool drops an idle connection that dies and opens another when needed; unheard, this event would end the process.
  pool.on('error', () => undefined);
  return pool;
}

/** How to connect beside a pool, whoever made it. Named one by one: a pool hides its password from those who copy its options. */
export function connectionOf({ options }: pg.Pool): pg.ClientConfig {
  const { connectionString, host, port, user, password, database, ssl } = options;
  return { connectionString, host, port, user, password, database, ssl };
}
