-- Asks for a finished task to be run again (an operator's redrive of failed, aborted or missed ones). Where this site owns
-- it the answer follows at once: task.retried, with all attempts and no windows, or task.request_refused. Answers the state
-- the task is in now; `requested` where another site owns it, which answers when the request has come there.
--
-- Locks:    append_request; then decide_retry.
-- Index:    as append_request.
-- Measured: 0.22 ms per call (0.32 in another run of the same benchmark).
create or replace function taskledger.request_retry(task_id uuid, reason text default null)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_asked record;
  v_data constant json := '{' || coalesce('"reason":' || to_json(taskledger.require_reason(request_retry.reason))::text, '') || '}';
begin
  select * into v_asked from taskledger.append_request(request_retry.task_id, 'task.retry_requested', v_now, v_data);
  if v_asked.answers is null then return 'requested'; end if;
  return taskledger.decide_retry(v_asked.site, v_asked.realm, v_asked.epoch, request_retry.task_id, v_asked.answers, v_data, v_now);
end $$;
