-- What the owner makes of a request for another start or priority, be it recorded here or elsewhere: task.rescheduled for a
-- pending task, else the request is refused. `answers` names the request, [[site, seq]]; `data` are its own. Answers the state
-- the task is in now.
--
-- Locks:    the task's row of open_tasks; the caller holds the task (enter_task).
-- Index:    open_tasks_pkey.
-- Measured: within request_reschedule and answer_requests.
create or replace function taskledger.decide_reschedule(site text, realm text, epoch int, task_id uuid, answers json, data json, decided_at timestamptz)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_task record;
begin
  select t.state, t.version, t.name into v_task from taskledger.open_tasks t where t.task_id = decide_reschedule.task_id for update;
  if v_task.state is distinct from 'pending' then
    return taskledger.refuse_request(decide_reschedule.site, decide_reschedule.realm, decide_reschedule.epoch, decide_reschedule.task_id,
                                     decide_reschedule.answers, 'only a pending task can be rescheduled; this one is %s', decided_at);
  end if;
  insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data)
  values (decide_reschedule.site, nextval('taskledger.event_seq'), decide_reschedule.realm, decide_reschedule.epoch, decide_reschedule.task_id,
          v_task.version + 1, 'task.rescheduled', decided_at, session_user, ('{"answers":' || decide_reschedule.answers || '}')::json, decide_reschedule.data);
  update taskledger.open_tasks t
     set version = t.version + 1,
         run_at = coalesce(date_trunc('milliseconds', (decide_reschedule.data ->> 'start_after')::timestamptz), t.run_at),
         priority = coalesce((decide_reschedule.data ->> 'priority')::smallint, t.priority),
         rank = -coalesce((decide_reschedule.data ->> 'priority')::smallint, t.priority)
   where t.task_id = decide_reschedule.task_id;
  perform pg_notify('taskledger', v_task.name);
  return 'pending';
end $$;
