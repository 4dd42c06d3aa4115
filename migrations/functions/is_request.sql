-- True when the data of a request from another site are what a decision can be made of. That site has checked them when it
-- recorded them; but what cannot be read must end in a refusal, not in an error that would stop its whole stream.
--
-- Locks:    none.
-- Index:    none.
-- Measured: within answer_requests.
create or replace function taskledger.is_request(type text, data json)
returns boolean
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform taskledger.require_reason(data ->> 'reason');
  return json_typeof(data) = 'object'
     and coalesce(json_typeof(data -> 'reason'), 'string') = 'string'
     and (type <> 'task.reschedule_requested'
          or coalesce(data ->> 'start_after', data ->> 'priority') is not null
             and coalesce(json_typeof(data -> 'start_after') = 'string' and taskledger.is_moment(data ->> 'start_after'), true)
             and coalesce(json_typeof(data -> 'priority') = 'number' and (data ->> 'priority')::int between -100 and 100, true));
exception when data_exception or sqlstate 'TL002' then
  return false;
end $$;
