-- Ends the doubt about a protected task whose lease was lost: `completed` (with its output), `failed`, or `rerun`. Answers
-- the state the task is in now.
--
-- Locks:    enter_task; its row of open_tasks.
-- Index:    open_tasks_pkey.
-- Measured: 0.10 ms per call.
create or replace function taskledger.resolve(task_id uuid, outcome text, output json default null, reason text default null)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_realm record;
  v_task record;
begin
  if resolve.outcome is null or resolve.outcome not in ('completed', 'failed', 'rerun') then
    raise exception using errcode = 'TL002',
      message = format('Expected the outcome completed, failed or rerun; found %L. Say what really happened.', resolve.outcome);
  end if;
  select * into v_realm from taskledger.enter_task(resolve.task_id);
  select t.state, t.version, t.name, t.abort_answers into v_task from taskledger.open_tasks t where t.task_id = resolve.task_id for update;
  if v_task.state is distinct from 'in_doubt' then
    raise exception using errcode = 'TL011',
      message = format('Expected task %s to be in doubt; found it %s. Only a task in doubt can be resolved.', resolve.task_id,
                       (select t.state from taskledger.tasks t where t.id = resolve.task_id));
  end if;
  insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data)
  values (v_realm.site, nextval('taskledger.event_seq'), v_realm.realm, v_realm.epoch, resolve.task_id, v_task.version + 1,
          'task.resolved', v_now, session_user, ('{"answers":' || v_task.abort_answers::text || '}')::json,
          ('{"outcome":"' || resolve.outcome || '"' || coalesce(',"output":' || resolve.output::text, '')
            || coalesce(',"reason":' || to_json(left(resolve.reason, 2000))::text, '') || '}')::json);
  if resolve.outcome <> 'rerun' then
    delete from taskledger.open_tasks t where t.task_id = resolve.task_id;
    return resolve.outcome;
  end if;
  update taskledger.open_tasks t set state = 'pending', version = t.version + 1, run_at = v_now, abort_answers = null
   where t.task_id = resolve.task_id;
  perform pg_notify('taskledger', v_task.name);
  return 'pending';
end $$;
