-- Records a request about a task, the first half of every request_* function: an event of this type, which is no version of
-- the task. Where this site owns the task's realm the command is admitted first (enter_task), and its caller decides at once:
-- `answers` names the request as the decision will. Elsewhere the event is all (`answers` is null): it is shipped, and the
-- owner answers it (answer_requests).
--
-- Locks:    pg_advisory_xact_lock_shared(realm); then enter_task (realm, then task) at the owner, enter_stream elsewhere.
-- Index:    (task_id, epoch, version) of the streams, realms_pkey.
-- Measured: within the request_* functions that begin with it.
create or replace function taskledger.append_request(task_id uuid, type text, occurred_at timestamptz, data json)
returns table (site text, realm text, epoch int, answers json)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_seq bigint;
  v_is_owner boolean;
begin
  select e.realm, e.epoch into realm, epoch from taskledger.events e where e.task_id = append_request.task_id and e.version is not null
   order by e.epoch desc, e.version desc limit 1;
  perform pg_advisory_xact_lock_shared(hashtextextended('taskledger.realm.' || append_request.realm, 0));
  -- Its own statement: nobody takes the realm over between this look and what is recorded.
  select r.owner = s.name into v_is_owner from taskledger.realms r cross join taskledger.site s where r.realm = append_request.realm;
  if v_is_owner is distinct from false then
    -- Says so when there is no such task, and when the realm is being handed over.
    select e.site, e.realm, e.epoch into site, realm, epoch from taskledger.enter_task(append_request.task_id) e;
  else
    site := taskledger.enter_stream();
  end if;
  v_seq := nextval('taskledger.event_seq');
  insert into taskledger.events (site, seq, realm, epoch, task_id, type, occurred_at, actor, data)
  values (append_request.site, v_seq, append_request.realm, append_request.epoch, append_request.task_id,
          append_request.type, append_request.occurred_at, session_user, append_request.data);
  if v_is_owner then answers := '[["' || append_request.site || '","' || v_seq || '"]]'; end if;
  return next;
end $$;
