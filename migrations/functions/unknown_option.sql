-- The first option of a batch that no task has, or whose value is of another JSON type than it takes; else null.
--
-- Locks:    none.
-- Index:    none.
-- Measured: 0.9 us per task.
create or replace function taskledger.unknown_option(tasks json, defaults json)
returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select k from (
    select d.key as k, json_typeof(d.value) as t from json_each(defaults) d
    union all
    select o.key, json_typeof(o.value) from json_array_elements(tasks) e, json_each(case json_typeof(e) when 'object' then e end) o
    union all
    -- What is no object has no options; its type is the name of none.
    select json_typeof(e), 'null' from json_array_elements(tasks) e where json_typeof(e) <> 'object') options
   where k <> all (array['id', 'name', 'input', 'queue', 'group', 'priority', 'key', 'start_after', 'start_before', 'deadline',
                         'retry', 'timeout_ms', 'protected', 'plugin'])
      or t <> 'null' and t <> case when k in ('priority', 'timeout_ms') then 'number' when k = 'protected' then 'boolean'
                                   when k = 'retry' then 'object' when k = 'input' then t else 'string' end
   limit 1
$$;
