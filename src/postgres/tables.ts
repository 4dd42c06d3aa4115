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
  'text[]': string[];
  'double precision': number;
  'timestamptz(3)': Date;
  json: unknown;
  bytea: Buffer;
  int8multirange: string;
  pg_snapshot: string;
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
  site: { one: 'boolean', name: 'text', incarnation: 'integer', id: 'uuid' },
  streams: { site: 'text', own: 'boolean', sealed: 'boolean', halted: 'json?' },
  peers: { site: 'text', id: 'uuid', url: 'text', transport: 'text', added_at: 'timestamptz(3)' },
  proofs: { by_site: 'text', of_site: 'text', number: 'bigint', hash: 'bytea', proved_at: 'timestamptz(3)' },
  quarantine: {
    id: 'bigint',
    site: 'text',
    what: 'text',
    place: 'text',
    content: 'json',
    received_at: 'timestamptz(3)',
    reported: 'boolean',
  },
  faults: { site: 'text', block: 'bigint', incident: 'bigint' },
  repairs: {
    id: 'bigint',
    site: 'text',
    block: 'bigint',
    ordered_at: 'timestamptz(3)',
    ordered_by: 'text',
    done_at: 'timestamptz(3)?',
    done_from: 'text?',
    events: 'integer?',
  },
  link_states: { site: 'text', checked_at: 'timestamptz(3)', state: 'json' },
  request_cursors: { site: 'text', block: 'bigint', seq: 'bigint' },
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
    rank: 'smallint',
    group: 'text',
    pin: 'text',
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
  doubts: {
    task_id: 'uuid',
    realm: 'text',
    name: 'text',
    ask_at: 'timestamptz(3)',
    asked: 'integer',
    take_digest: 'bytea?',
    runner: 'text?',
    last_reason: 'text?',
  },
  rules: {
    about: 'text',
    concurrency: 'integer?',
    rate: 'integer?',
    rate_ms: 'integer?',
    burst: 'integer?',
    paused: 'boolean',
    weight: 'integer',
    tokens: 'double precision?',
    filled_at: 'timestamptz(3)?',
    changed_in: 'xid8?',
    set_at: 'timestamptz(3)',
    set_by: 'text',
    ages_ms: 'integer?',
  },
  places: { about: 'text', task_id: 'uuid' },
  task_keys: { realm: 'text', name: 'text', key: 'text', task_id: 'uuid' },
  doorbells: { name: 'text', armed_until: 'timestamptz(3)' },
  offers: {
    runner: 'text',
    host: 'text',
    queues: 'text[]?',
    offers: 'json',
    problems: 'text[]',
    until: 'timestamptz(3)',
  },
  watches: { task_id: 'uuid', watcher: 'uuid', until: 'timestamptz(3)', reported_at: 'timestamptz(3)?' },
  blocks: {
    site: 'text',
    number: 'bigint',
    members: 'int8multirange',
    event_count: 'integer',
    root: 'bytea',
    prev_hash: 'bytea',
    hash: 'bytea',
    sealed_at: 'timestamptz(3)',
    sealed_by: 'text',
    format: 'smallint',
    key_id: 'text',
    signature: 'bytea',
    leaf_hints: 'bytea',
  },
  site_keys: { site: 'text', key_id: 'text', public_key: 'bytea', added_at: 'timestamptz(3)' },
  sealing: { one: 'boolean', snapshot: 'pg_snapshot?', foreign_until: 'bigint' },
  projections: {
    name: 'text',
    tables: 'text[]',
    version: 'integer',
    live: 'text',
    building_version: 'integer?',
    replaying: 'boolean',
  },
  cursors: { projection: 'text', slot: 'text', site: 'text', block: 'bigint' },
  task_rows: {
    slot: 'text',
    task_id: 'uuid',
    realm: 'text?',
    name: 'text?',
    queue: 'text?',
    group: 'text?',
    key: 'text?',
    submitted_at: 'timestamptz(3)?',
    start_after: 'timestamptz(3)?',
    start_before: 'timestamptz(3)?',
    deadline: 'timestamptz(3)?',
    state: 'text?',
    finished_at: 'timestamptz(3)?',
    attempt: 'integer?',
    runner: 'text?',
    plugin: 'text?',
    run_at: 'timestamptz(3)?',
    priority: 'smallint?',
    error_code: 'text?',
    error_message: 'text?',
    fraction: 'double precision?',
    message: 'text?',
    updated_at: 'timestamptz(3)?',
    refused_results: 'integer',
    open_requests: 'integer',
    last_place: 'bigint',
    state_place: 'bigint',
    attempt_place: 'bigint',
    run_at_place: 'bigint',
    priority_place: 'bigint',
    error_place: 'bigint',
    fraction_place: 'bigint',
    message_place: 'bigint',
    retried_place: 'bigint',
  },
  task_state_rows: { slot: 'text', task_id: 'uuid', state: 'text', submitted_at: 'timestamptz(3)?' },
  attempt_rows: {
    slot: 'text',
    task_id: 'uuid',
    epoch: 'integer',
    version: 'integer',
    attempt: 'integer?',
    runner: 'text?',
    host: 'text?',
    plugin: 'text?',
    due_at: 'timestamptz(3)?',
    leased_at: 'timestamptz(3)?',
    started_at: 'timestamptz(3)?',
    ended_at: 'timestamptz(3)?',
    outcome: 'text?',
    error_code: 'text?',
    cpu_ms: 'double precision?',
    max_rss_bytes: 'double precision?',
  },
  queue_minute_rows: {
    slot: 'text',
    queue: 'text',
    name: 'text',
    minute: 'timestamptz(3)',
    submitted: 'bigint',
    started: 'bigint',
    completed: 'bigint',
    failed: 'bigint',
    aborted: 'bigint',
    missed: 'bigint',
    in_doubt: 'bigint',
    retried: 'bigint',
    attempts_lost: 'bigint',
    attempts_failed: 'bigint',
  },
  queue_duration_rows: {
    slot: 'text',
    queue: 'text',
    name: 'text',
    minute: 'timestamptz(3)',
    what: 'text',
    bucket: 'integer',
    counted: 'bigint',
  },
  incident_rows: {
    slot: 'text',
    site: 'text',
    seq: 'bigint',
    kind: 'text?',
    summary: 'text?',
    raised_at: 'timestamptz(3)?',
    raised_by: 'text?',
    closed_at: 'timestamptz(3)?',
    closed_by: 'text?',
    resolution: 'text?',
    closed_site: 'text?',
    closed_seq: 'bigint?',
  },
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
