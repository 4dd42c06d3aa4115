-- Explains what is wrong with a batch of tasks: the first problem found, as SQLSTATE:sentence, or null if nothing is.
-- The fast path only learns that something is wrong; this reads the batch again and says what, and where.
--
-- Locks:    none.
-- Index:    none.
-- Measured: runs only for a batch that is refused.
create or replace function taskledger.submission_problem(tasks json, defaults json)
returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
  v_task jsonb;
  v_raw json;
  v_place text;
  v_position int := 1;
  v_key text;
  v_value text;
  v_problem text;
begin
  for v_raw in select e from json_array_elements(tasks) e loop
    v_place := format('task %s of the batch: ', v_position);
    v_position := v_position + 1;
    v_problem := taskledger.payload_problem(coalesce(v_raw -> 'input', defaults -> 'input', 'null')::text);
    if v_problem is not null then
      return left(v_problem, 6) || v_place || 'input of ' || substr(v_problem, 7);
    end if;
    if json_typeof(v_raw) <> 'object' then
      return 'TL002:' || v_place || 'a JSON object; found ' || json_typeof(v_raw);
    end if;
    v_task := defaults::jsonb || v_raw::jsonb;
    v_value := v_task ->> 'name';
    if v_value is null or v_value !~ '^[a-zA-Z][a-zA-Z0-9_-]*(\.[a-zA-Z0-9_-]+)*$' or length(v_value) > 200 then
      return 'TL003:' || v_place || 'a name of dotted words such as payouts.settle, at most 200 characters; found ' || coalesce(quote_literal(left(v_value, 60)), 'no name');
    end if;
    if v_task ->> 'protected' = 'true' and taskledger.has_peer() then
      return 'TL012:' || v_place || 'no protected task while more than one site holds this log; found a protected one. Leave out protected, or submit it where there is one site';
    end if;
    for v_key, v_value in select k, v from jsonb_each_text(v_task) as p(k, v) where v is not null loop
      v_problem := case
        when v_key in ('id', 'name', 'queue', 'group', 'key', 'start_after', 'start_before', 'deadline', 'plugin')
          and jsonb_typeof(v_task -> v_key) <> 'string' then 'text in quotes'
        when v_key in ('priority', 'timeout_ms') and jsonb_typeof(v_task -> v_key) <> 'number' then 'a number without quotes'
        when v_key = 'protected' and jsonb_typeof(v_task -> v_key) <> 'boolean' then 'true or false'
      end;
      v_problem := coalesce(v_problem, case v_key
        when 'priority' then case when not pg_input_is_valid(v_value, 'int4') or abs(v_value::numeric) > 100 then 'an integer from -100 to 100' end
        when 'timeout_ms' then case when not pg_input_is_valid(v_value, 'int8') or v_value::numeric < 1 then 'a number of milliseconds above 0' end
        when 'queue' then case when v_value !~ '^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}$' then 'a queue name of at most 100 letters, digits, _ . -' end
        when 'group' then case when length(v_value) not between 1 and 200 or v_value ~ '[[:cntrl:]]' then '1 to 200 printable characters' end
        when 'key' then case when defaults ->> 'key' is not null or length(v_value) not between 1 and 500 or v_value ~ '[[:cntrl:]]' then '1 to 500 printable characters' end
        when 'plugin' then case when not taskledger.is_plugin_range(v_value) then 'a range of versions such as ^3 or >=2.3 <4, at most 100 characters' end
        when 'id' then case when defaults ->> 'id' is not null or not pg_input_is_valid(v_value, 'uuid') then 'a UUID' end
        when 'protected' then case when v_value not in ('true', 'false') then 'true or false' end
        when 'retry' then case when taskledger.is_retry_policy(v_value) is not true then '{"attempts": 1 to 1000, "backoff": {"kind": "fixed" or "exponential", "delay_ms": …, "cap_ms": …}}' end
        when 'start_after' then case when taskledger.is_moment(v_value) is not true then 'a time with its offset such as 2026-01-31T08:00:00Z' end
        when 'start_before' then case when taskledger.is_moment(v_value) is not true then 'a time with its offset such as 2026-01-31T08:00:00Z' end
        when 'deadline' then case when taskledger.is_moment(v_value) is not true then 'a time with its offset such as 2026-01-31T08:00:00Z' end
        when 'name' then null
        when 'input' then null
        else 'one of the options id, name, input, queue, group, priority, key, start_after, start_before, deadline, retry, timeout_ms, protected, plugin'
      end);
      if v_problem is not null then
        return 'TL002:' || v_place || 'for ' || quote_ident(left(v_key, 40)) || ' ' || v_problem || '; found ' || quote_literal(left(v_value, 60));
      end if;
    end loop;
  end loop;
  return null;
end $$;
