-- Asks for a pending task to start at another time, or with another priority. Where this site owns it the answer follows
-- at once: task.rescheduled, or task.request_refused. Answers the state the task is in now; `requested` where another site
-- owns it, which answers when the request has come there.
-- The time is a text with its offset, as in the options of submit(): as a timestamptz it would be read in the time zone of
-- whoever calls, before anything here could see that the offset is missing.
--
-- Locks:    append_request; then decide_reschedule.
-- Index:    as append_request.
-- Measured: 0.20 ms per call.
create or replace function taskledger.request_reschedule(task_id uuid, start_after text default null, priority int default null,
                                                         reason text default null)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_asked record;
  v_start timestamptz(3);
  v_data json;
begin
  if coalesce(request_reschedule.start_after, request_reschedule.priority::text) is null
    or not taskledger.is_moment(request_reschedule.start_after) or request_reschedule.priority not between -100 and 100 then
    raise exception using errcode = 'TL002', message = format(
      'Expected a start time with its offset such as 2026-01-31T08:00:00Z, a priority from -100 to 100, or both; found %s and %s. Say what is to change.',
      coalesce(quote_literal(left(request_reschedule.start_after, 60)), 'no time'), coalesce(request_reschedule.priority::text, 'no priority'));
  end if;
  v_start := date_trunc('milliseconds', request_reschedule.start_after::timestamptz);
  v_data := '{' || concat_ws(',', '"start_after":' || left(to_json(v_start at time zone 'UTC')::text, -1) || 'Z"', '"priority":' || request_reschedule.priority,
                             '"reason":' || to_json(taskledger.require_reason(request_reschedule.reason))::text) || '}';
  select * into v_asked from taskledger.append_request(request_reschedule.task_id, 'task.reschedule_requested', v_now, v_data);
  if v_asked.answers is null then return 'requested'; end if;
  return taskledger.decide_reschedule(v_asked.site, v_asked.realm, v_asked.epoch, request_reschedule.task_id, v_asked.answers, v_data, v_now);
end $$;
