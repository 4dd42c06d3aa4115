-- What the owner makes of a request to abort a task, be it recorded here or elsewhere: a pending task is aborted, a leased one
-- is marked and its runner told (channel taskledger_abort, payload the task id), any other request is refused. `answers` names
-- the request, [[site, seq]]; `data` are its own. Answers the state the task is in now.
--
-- Locks:    the task's row of open_tasks; the caller holds the task (enter_task).
-- Index:    open_tasks_pkey.
-- Measured: within request_abort and answer_requests.
create or replace function taskledger.decide_abort(site text, realm text, epoch int, task_id uuid, answers json, data json, decided_at timestamptz)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_task record;
begin
  select t.state, t.version, t.abort_answers into v_task from taskledger.open_tasks t
   where t.task_id = decide_abort.task_id for update;
  if v_task.state = 'leased' then
    -- In one order, whatever order they came in: a rebuild finds the same.
    update taskledger.open_tasks t
       set abort_answers = (select ('[' || string_agg('["' || (a ->> 0) || '","' || (a ->> 1) || '"]', ',' order by (a ->> 0) collate "C", (a ->> 1)::bigint) || ']')::json
                              from (select json_array_elements(v_task.abort_answers) union all select decide_abort.answers -> 0) x(a))
     where t.task_id = decide_abort.task_id;
    perform pg_notify('taskledger_abort', decide_abort.task_id::text);
    return 'leased';
  elsif v_task.state = 'pending' then
    insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data)
    values (decide_abort.site, nextval('taskledger.event_seq'), decide_abort.realm, decide_abort.epoch, decide_abort.task_id, v_task.version + 1,
            'task.aborted', decided_at, session_user, ('{"answers":' || decide_abort.answers || '}')::json, decide_abort.data);
    delete from taskledger.open_tasks t where t.task_id = decide_abort.task_id;
    return 'aborted';
  end if;
  return taskledger.refuse_request(decide_abort.site, decide_abort.realm, decide_abort.epoch, decide_abort.task_id, decide_abort.answers,
                                   'only a pending or leased task can be aborted; this one is %s', decided_at);
end $$;
