// Rows of the projection `tasks` as ten million lives would have left them, written directly, and the hot rows of the open ones.

/** When the first task was submitted, and how long after it the next. */
export const firstAt = Date.UTC(2026, 0, 1);
export const taskSpacingMs = 100;

const batch = 500_000;
/** In SQL, of the number of a task: a UUIDv7 of the moment it was submitted. */
const idOf = (
  n,
) => `(lpad(to_hex(${firstAt} + ${n} * ${taskSpacingMs}), 12, '0') || '7' || lpad(to_hex(${n} % 4096), 3, '0') || '8'
  || lpad(to_hex(${n}), 15, '0'))::uuid`;

/** The place of the task of this number. */
export function placeAt(n) {
  return { submittedAt: new Date(firstAt + n * taskSpacingMs), id: idAt(n) };
}

function idAt(n) {
  const hex = (value, digits) => value.toString(16).padStart(digits, '0');
  const text = `${hex(firstAt + n * taskSpacingMs, 12)}7${hex(n % 4096, 3)}8${hex(n, 15)}`;
  return text.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** `$1` to `$2` are the numbers of the tasks, `$3` how many there are in all. */
const insert = `
  insert into taskledger.task_rows_a (slot, task_id, realm, name, queue, key, submitted_at, state, finished_at, attempt, runner, run_at, priority,
    error_code, error_message, updated_at, last_place, state_place, attempt_place, run_at_place, priority_place, error_place)
  select 'a', ${idOf('x.n')}, 'ams', x.name, x.queue, case when x.n % 2 = 0 then 'order-' || x.n end, x.at, x.state,
         case when x.state in ('completed', 'failed', 'aborted') then x.at + interval '1 second' end, 1, 'runner-' || x.n % 8, x.at, 0,
         case when x.state = 'failed' then case when x.n % 10000 = 50 then 'CARD_EXPIRED' else 'HANDLER_ERROR' end end,
         case when x.state = 'failed' then 'The card was refused.' end, x.at + interval '1 second',
         4294967299, 4294967299, 4294967298, 4294967297, 4294967297, 4294967299
    from (select n, timestamptz 'epoch' + (${firstAt} + n * ${taskSpacingMs}) * interval '1 millisecond' as at,
                 case when n % 100000 = 7 then 'close.year' when n % 10 = 3 then 'send.mail' else 'pay.out' end as name,
                 case when n < 1000 then 'retired' when n % 1000 = 5 then 'slow' when n % 10 = 1 then 'mail' else 'default' end as queue,
                 case when n % ($3::bigint / 50) = 11 then 'in_doubt' when n % 50 = 0 then 'failed' when n % 200 = 9 then 'aborted'
                      when n > $3 - 10000 then 'pending' else 'completed' end as state
            from generate_series($1::bigint, $2::bigint) n) x`;

const states = `
  insert into taskledger.task_state_rows_a (slot, task_id, state, submitted_at)
  select t.slot, t.task_id, t.state, t.submitted_at from taskledger.task_rows_a t where t.state <> 'completed' and t.task_id >= $1`;

const openTasks = `
  insert into taskledger.open_tasks (task_id, run_at, submitted_seq, version, attempts, priority, protected, state, realm, submitted_site, name, queue)
  select t.task_id, t.run_at, row_number() over (), 1, 3, 0, false, t.state, 'ams', 'ams', t.name, t.queue
    from taskledger.task_rows_a t where t.state in ('pending', 'in_doubt') and t.task_id >= $1`;

/** Statistics are gathered when they are asked for, and only then. */
export async function withoutAutovacuum(client) {
  await client.query('alter table taskledger.task_rows_a set (autovacuum_enabled = false)');
  await client.query('alter table taskledger.task_state_rows_a set (autovacuum_enabled = false)');
  await client.query('alter table taskledger.open_tasks set (autovacuum_enabled = false)');
}

/** The tasks from one number to another, without it, of so many. The indexes but the key are built at the end: a third of the time. */
export async function fillTasks(client, { from, to, tasks }) {
  const { rows } = await client.query(
    `select c.relname as name, pg_get_indexdef(c.oid) as definition from pg_index i join pg_class c on c.oid = i.indexrelid
      where i.indrelid = 'taskledger.task_rows'::regclass and not i.indisprimary`,
  );
  for (const { name } of rows) await client.query(`drop index taskledger.${name}`);
  for (let at = from; at < to; at += batch) await client.query(insert, [at, Math.min(at + batch, to) - 1, tasks]);
  await client.query("set maintenance_work_mem = '512MB'");
  for (const { definition } of rows) await client.query(definition.replace(' ON ONLY ', ' ON '));
  await client.query(states, [idAt(from)]);
  await client.query(openTasks, [idAt(from)]);
  await client.query('checkpoint');
}
