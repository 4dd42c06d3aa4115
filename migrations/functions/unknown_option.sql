-- The first option of a batch that no task has, or null.
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
    select json_object_keys(defaults) as k
    union all
    select json_object_keys(e) from json_array_elements(tasks) e where json_typeof(e) = 'object'
    union all
    -- What is no object has no options; its type is the name of none.
    select json_typeof(e) from json_array_elements(tasks) e where json_typeof(e) <> 'object') keys
   where k <> all (array['id', 'name', 'input', 'queue', 'group', 'priority', 'key', 'start_after', 'start_before', 'deadline',
                         'retry', 'timeout_ms', 'protected', 'plugin'])
   limit 1
$$;
