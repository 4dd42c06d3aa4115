-- What the owner makes of a request to run a finished task again, be it recorded here or elsewhere: task.retried for a failed,
-- aborted or missed one, else the request is refused. `answers` names the request, [[site, seq]]; `data` are its own. Answers
-- the state the task is in now.
--
-- Locks:    the task's row of open_tasks, if it has one; the caller holds the task (enter_task).
-- Index:    open_tasks_pkey; (task_id, epoch, version) of the streams.
-- Measured: within request_retry and answer_requests.
create or replace function taskledger.decide_retry(site text, realm text, epoch int, task_id uuid, answers json, data json, decided_at timestamptz)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_task record;
  v_priority smallint;
begin
  -- An open task may be in the hands of a claim or a settle that has not committed: its next version is theirs.
  perform from taskledger.open_tasks t where t.task_id = decide_retry.task_id for update;
  -- A statement of its own: its snapshot is newer than the locks on the task.
  select t.state, t.version, s.site, s.seq, s.data into v_task
    from taskledger.tasks t join taskledger.events s on s.site = t.site and s.seq = t.seq
   where t.id = decide_retry.task_id;
  if v_task.state not in ('failed', 'aborted', 'missed') then
    return taskledger.refuse_request(decide_retry.site, decide_retry.realm, decide_retry.epoch, decide_retry.task_id, decide_retry.answers,
                                     'only a failed, aborted or missed task can be run again; this one is %s', decided_at);
  end if;
  insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data)
  values (decide_retry.site, nextval('taskledger.event_seq'), decide_retry.realm, decide_retry.epoch, decide_retry.task_id, v_task.version + 1,
          'task.retried', decided_at, session_user, ('{"answers":' || decide_retry.answers || '}')::json, decide_retry.data);
  v_priority := coalesce((select e.data ->> 'priority' from taskledger.events e
                           where e.task_id = decide_retry.task_id and e.type = 'task.rescheduled' and e.data -> 'priority' is not null
                           order by e.epoch desc, e.version desc limit 1), v_task.data ->> 'priority')::smallint;
  insert into taskledger.open_tasks (task_id, run_at, submitted_seq, version, attempts, priority, protected, state, realm,
                                     submitted_site, name, queue, rank, "group", pin, checkpoint)
  values (decide_retry.task_id, decided_at, v_task.seq, v_task.version + 1, (v_task.data -> 'retry' ->> 'attempts')::numeric::int,
          v_priority, coalesce((v_task.data ->> 'protected')::boolean, false), 'pending', decide_retry.realm,
          v_task.site, v_task.data ->> 'name', v_task.data ->> 'queue', -v_priority, coalesce(v_task.data ->> 'group', ''), coalesce(v_task.data ->> 'plugin', ''),
          (select e.data -> 'checkpoint' from taskledger.events e
            where e.task_id = decide_retry.task_id and e.type = 'task.progressed' and e.data -> 'checkpoint' is not null
            order by e.epoch desc, e.version desc limit 1));
  perform pg_notify('taskledger', v_task.data ->> 'name');
  return 'pending';
end $$;
