import type { ColumnType } from 'kysely';

/** What a column of each Postgres type is in a row that pg returns. Numbers of 64 bits are text: JavaScript's end at 2^53. */
interface SelectedAs {
  boolean: boolean;
  smallint: number;
  integer: number;
  bigint: string;
  text: string;
  'varchar(255)': string;
  uuid: string;
  'uuid[]': string[];
  'timestamptz(3)': Date;
  json: unknown;
  bytea: Buffer;
  xid8: string;
}

type PgType = keyof SelectedAs;

/** A column's type; with `?` it may be null. */
type Column = PgType | `${PgType}?`;

/**
 * Every table of the schema: its columns in their order, as a test proves against a migrated database. The leaves of
 * `events` have the columns of `events`.
 */
export const tables = {
  events: {
    site: 'text',
    seq: 'bigint',
    realm: 'text',
    epoch: 'integer',
    task_id: 'uuid?',
    version: 'integer?',
    type: 'text',
    occurred_at: 'timestamptz(3)',
    actor: 'text',
    context: 'json?',
    data: 'json',
    xid: 'xid8',
  },
  site: { one: 'boolean', name: 'text', incarnation: 'integer' },
  realms: { realm: 'text', epoch: 'integer', owner: 'text', state: 'text' },
  open_tasks: {
    task_id: 'uuid',
    run_at: 'timestamptz(3)',
    submitted_seq: 'bigint',
    claim_id: 'bigint?',
    start_before: 'timestamptz(3)?',
    deadline: 'timestamptz(3)?',
    version: 'integer',
    lease_epoch: 'integer?',
    lease_version: 'integer?',
    attempt: 'integer',
    attempts: 'integer',
    priority: 'smallint',
    protected: 'boolean',
    state: 'text',
    realm: 'text',
    submitted_site: 'text',
    name: 'text',
    queue: 'text',
    progress: 'json?',
    checkpoint: 'json?',
    abort_answers: 'json?',
  },
  claims: {
    claim_id: 'bigint',
    lease_until: 'timestamptz(3)',
    heartbeat_at: 'timestamptz(3)',
    ttl_ms: 'integer',
    secret_digest: 'bytea',
    runner: 'text',
    host: 'text',
    open: 'integer',
    task_ids: 'uuid[]',
  },
  task_keys: { realm: 'text', name: 'text', key: 'text', task_id: 'uuid' },
  doorbells: { name: 'text', armed_until: 'timestamptz(3)' },
  functions: { name: 'text', digest: 'text', revision: 'integer' },
  migrations: { name: 'varchar(255)', timestamp: 'varchar(255)' },
  migration_lock: { id: 'varchar(255)', is_locked: 'integer' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Column>>>>;

type Selected<C> = C extends `${infer T extends PgType}?`
  ? SelectedAs[T] | null
  : C extends PgType
    ? SelectedAs[C]
    : never;

// Only SQL functions write: to Kysely no column can be inserted or updated.
type ReadOnly<S> = ColumnType<S, never, never>;

/** One row of a table as pg returns it. */
export type Row<T extends keyof typeof tables> = {
  -readonly [C in keyof (typeof tables)[T]]: Selected<(typeof tables)[T][C]>;
};

/** The schema as Kysely sees it; tables go by their full names: `selectFrom('taskledger.events')`. */
export type Database = {
  [T in keyof typeof tables as `taskledger.${T}`]: { [C in keyof Row<T>]: ReadOnly<Row<T>[C]> };
};
