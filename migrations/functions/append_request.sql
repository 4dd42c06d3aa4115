-- Records a request about a task, the first half of every request_* function: admits the command (enter_task), then appends
-- the event of this type, which is no version of the task. Answers where, and the seq
-- that the owner's decision answers; both carry the same time, so that a history tells them in their order.
--
-- Locks:    enter_task (realm, then task).
-- Index:    as enter_task.
-- Measured: within the request_* functions that begin with it.
create or replace function taskledger.append_request(task_id uuid, type text, occurred_at timestamptz, data json)
returns table (site text, realm text, epoch int, request bigint)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  select e.site, e.realm, e.epoch into site, realm, epoch from taskledger.enter_task(append_request.task_id) e;
  request := nextval('taskledger.event_seq');
  insert into taskledger.events (site, seq, realm, epoch, task_id, type, occurred_at, actor, data)
  values (append_request.site, append_request.request, append_request.realm, append_request.epoch, append_request.task_id,
          append_request.type, append_request.occurred_at, session_user, append_request.data);
  return next;
end $$;
