-- Asks for a finished task to be run again (an operator's redrive of failed, aborted or missed ones). Where this site owns
-- it the answer follows at once: task.retried, with all attempts and no windows, or task.request_refused.
--
-- Locks:    enter_task (realm, then task); its row of open_tasks, if it has one.
-- Index:    open_tasks_pkey; (task_id, epoch, version) of the streams.
-- Measured: 0.22 ms per call (0.32 in another run of the same benchmark).
create or replace function taskledger.request_retry(task_id uuid, reason text default null)
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
  v_reason text := case when request_retry.reason is not null then '"reason":' || to_json(taskledger.require_reason(request_retry.reason))::text else '' end;
begin
  select * into v_realm from taskledger.append_request(request_retry.task_id, 'task.retry_requested', v_now, ('{' || v_reason || '}')::json);
  -- An open task may be in the hands of a claim or a settle that has not committed: its next version is theirs.
  perform from taskledger.open_tasks t where t.task_id = request_retry.task_id for update;
  -- A statement of its own: its snapshot is newer than the locks on the task.
  select t.state, t.version, s.site, s.seq, s.data into v_task
    from taskledger.tasks t join taskledger.events s on s.site = t.site and s.seq = t.seq
   where t.id = request_retry.task_id;
  if v_task.state not in ('failed', 'aborted', 'missed') then
    return taskledger.refuse_request(v_realm.site, v_realm.realm, v_realm.epoch, request_retry.task_id, v_realm.request,
                                     'only a failed, aborted or missed task can be run again');
  end if;
  insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data)
  values (v_realm.site, nextval('taskledger.event_seq'), v_realm.realm, v_realm.epoch, request_retry.task_id, v_task.version + 1,
          'task.retried', v_now, session_user, ('{"answers":[["' || v_realm.site || '","' || v_realm.request || '"]]}')::json,
          ('{' || v_reason || '}')::json);
  insert into taskledger.open_tasks (task_id, run_at, submitted_seq, version, attempts, priority, protected, state, realm,
                                     submitted_site, name, queue, checkpoint)
  values (request_retry.task_id, v_now, v_task.seq, v_task.version + 1, (v_task.data -> 'retry' ->> 'attempts')::numeric::int,
          coalesce((select e.data ->> 'priority' from taskledger.events e
                     where e.task_id = request_retry.task_id and e.type = 'task.rescheduled' and e.data -> 'priority' is not null
                     order by e.epoch desc, e.version desc limit 1), v_task.data ->> 'priority')::smallint,
          coalesce((v_task.data ->> 'protected')::boolean, false), 'pending', v_realm.realm,
          v_task.site, v_task.data ->> 'name', v_task.data ->> 'queue',
          (select e.data -> 'checkpoint' from taskledger.events e
            where e.task_id = request_retry.task_id and e.type = 'task.progressed' and e.data -> 'checkpoint' is not null
            order by e.epoch desc, e.version desc limit 1));
  perform pg_notify('taskledger', v_task.data ->> 'name');
  return 'pending';
end $$;
