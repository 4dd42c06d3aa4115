-- Ends the doubt about a task, for resolve() and answer_doubt(): `completed`, `failed`, `rerun`, or what a verify handler may
-- say instead of the last two, `not_executed`: runs again if attempts are left and nobody asked for an abort. With the digest
-- of a take, the doubt must still be held by it: else `refused`, and nothing happens. Answers the state the task is in now.
--
-- Locks:    enter_task; the task's row of open_tasks, then of doubts.
-- Index:    open_tasks_pkey, doubts_pkey.
-- Measured: within the functions that call it.
create or replace function taskledger.end_doubt(task_id uuid, outcome text, output json, reason text, take_digest bytea default null)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_realm record;
  v_task record;
  v_doubt record;
  v_outcome text := end_doubt.outcome;
  v_problem constant text := taskledger.payload_problem(end_doubt.output::text);
  v_stops boolean;
begin
  if v_problem is not null then
    raise exception using errcode = left(v_problem, 5),
      message = 'Expected the output to be ' || substr(v_problem, 7) || '. Correct it and send it again; nothing was recorded.';
  end if;
  select * into v_realm from taskledger.enter_task(end_doubt.task_id);
  select t.state, t.version, t.name, t.attempt, t.attempts, t.abort_answers into v_task
    from taskledger.open_tasks t where t.task_id = end_doubt.task_id for update;
  delete from taskledger.doubts d
   where d.task_id = end_doubt.task_id and (end_doubt.take_digest is null or d.take_digest = end_doubt.take_digest)
  returning d.runner into v_doubt;
  if end_doubt.take_digest is not null and (not found or v_task.state is distinct from 'in_doubt') then
    return 'refused';
  end if;
  if v_task.state is distinct from 'in_doubt' then
    raise exception using errcode = 'TL011',
      message = format('Expected task %s to be in doubt; found it %s. Only a task in doubt can be resolved.', end_doubt.task_id,
                       (select t.state from taskledger.tasks t where t.id = end_doubt.task_id));
  end if;
  -- A person who says rerun has seen the request; a verify handler knows nothing of it.
  v_stops := v_outcome = 'not_executed' and v_task.abort_answers is not null;
  if v_outcome = 'not_executed' then
    v_outcome := case when v_stops or v_task.attempt < v_task.attempts then 'rerun' else 'failed' end;
  end if;
  insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data)
  values (v_realm.site, nextval('taskledger.event_seq'), v_realm.realm, v_realm.epoch, end_doubt.task_id, v_task.version + 1,
          'task.resolved', v_now, session_user,
          case when not v_stops then ('{"answers":' || v_task.abort_answers::text || '}')::json end,
          ('{"outcome":"' || v_outcome || '"' || coalesce(',"output":' || end_doubt.output::text, '')
            || coalesce(',"reason":' || to_json(end_doubt.reason)::text, '')
            || case when end_doubt.take_digest is null then '' else ',"by":"verify","runner":' || to_json(v_doubt.runner)::text end || '}')::json);
  if v_stops then
    insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data)
    values (v_realm.site, nextval('taskledger.event_seq'), v_realm.realm, v_realm.epoch, end_doubt.task_id, v_task.version + 2,
            'task.aborted', v_now, session_user, ('{"answers":' || v_task.abort_answers::text || '}')::json,
            '{"reason":"asked to stop while it was in doubt, and had not been executed"}');
    v_outcome := 'aborted';
  end if;
  if v_outcome <> 'rerun' then
    delete from taskledger.open_tasks t where t.task_id = end_doubt.task_id;
    return v_outcome;
  end if;
  update taskledger.open_tasks t set state = 'pending', version = t.version + 1, run_at = v_now, abort_answers = null
   where t.task_id = end_doubt.task_id;
  perform pg_notify('taskledger', v_task.name);
  return 'pending';
end $$;
