import type { createPool } from '../postgres/pool.ts';

type Pool = ReturnType<typeof createPool>;
type Client = Pick<Pool, 'query'>;

/** What the database's time is made of: real time and an offset, or a moment at which it stands still. */
export interface TimeSetting {
  readonly offsetMs: number;
  readonly frozenAt: Date | undefined;
}

/** What SQL asks for the time once `installMovableTime` has run. */
export const movableNow = 'taskledger_testing.clock_timestamp()';

/** Every way SQL has to ask for the time as a timestamptz. A name after a dot is somebody else's function. */
const realNow =
  /(?<![\w.])(?:pg_catalog\.)?(?:(?:clock_timestamp|statement_timestamp|transaction_timestamp|now)\s*\(\s*\)|current_timestamp\b(?:\s*\(\s*\d\s*\))?)/gi;

/** The definition of a function, with the time it asks for replaced by the one a test can move. */
export function withMovableTime(definition: string): string {
  return definition.replaceAll(realNow, movableNow);
}

/**
 * A table, so that every connection sees a change at once, and a function that reads it with its owner's rights: ours call
 * it under whatever role they run. It is volatile as the real one, and thus reads what was committed a moment ago.
 */
const schema = `
  create schema taskledger_testing;
  create table taskledger_testing.clock (
    one boolean primary key default true check (one), offset_ms bigint not null, frozen_at timestamptz
  );
  insert into taskledger_testing.clock (offset_ms) values (0);
  create table taskledger_testing.real_functions (definition text not null);
  create function taskledger_testing.clock_timestamp() returns timestamptz
    language sql volatile security definer set search_path = pg_catalog, pg_temp as $$
    select coalesce(frozen_at, pg_catalog.clock_timestamp() + offset_ms * interval '1 millisecond')
      from taskledger_testing.clock $$;
  grant usage on schema taskledger_testing to public`;

/** As pg_get_functiondef tells it, a function keeps its SET clauses and SECURITY DEFINER; replaced, its owner and grants. */
const definitions = `
  select pg_get_functiondef(oid) as definition from pg_proc
   where pronamespace = 'taskledger'::regnamespace and prokind in ('f', 'p') order by oid`;

/** Makes every function of the ledger go by a time that can be moved. Production databases never have any of this. */
export async function installMovableTime(pool: Pool): Promise<void> {
  await inTransaction(pool, async (client) => {
    if (await isInstalled(client)) return;
    await client.query(schema);
    const { rows } = await client.query<{ definition: string }>(definitions);
    for (const { definition } of rows) {
      const movable = withMovableTime(definition);
      if (movable === definition) continue;
      await client.query('insert into taskledger_testing.real_functions values ($1)', [definition]);
      await client.query(movable);
    }
  });
}

/** Gives the ledger its real time back; does nothing where it has it. */
export async function removeMovableTime(pool: Pool): Promise<void> {
  await inTransaction(pool, async (client) => {
    if (!(await isInstalled(client))) return;
    const { rows } = await client.query<{ definition: string }>('table taskledger_testing.real_functions');
    for (const { definition } of rows) await client.query(definition);
    await client.query('drop schema taskledger_testing cascade');
  });
}

export async function setTime(pool: Pool, { offsetMs, frozenAt }: TimeSetting): Promise<void> {
  await pool.query('update taskledger_testing.clock set offset_ms = $1, frozen_at = $2', [
    offsetMs,
    frozenAt?.toISOString() ?? null,
  ]);
}

async function isInstalled(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ there: boolean }>(
    "select to_regnamespace('taskledger_testing') is not null as there",
  );
  return rows[0]?.there === true;
}

/** Two test ledgers on one database take turns, for the length of the transaction. */
async function inTransaction(pool: Pool, work: (client: Client) => Promise<void>): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin; set local check_function_bodies = off');
    await client.query("select pg_advisory_xact_lock(hashtextextended('taskledger.testing', 0))");
    await work(client);
    await client.query('commit');
    client.release();
  } catch (error) {
    // Closed, not given back: it may be in the middle of the transaction.
    client.release(true);
    throw error;
  }
}
