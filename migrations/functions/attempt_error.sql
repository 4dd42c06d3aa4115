-- The error of an attempt as its event keeps it: what the runner told if it carries a code, else under the code UNKNOWN, so
-- that a runner in another language cannot record what nobody can read back.
--
-- Locks:    none.
-- Index:    none.
-- Measured: runs for attempts that failed only.
create or replace function taskledger.attempt_error(error json)
returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case when json_typeof(error) = 'object' and json_typeof(error -> 'code') = 'string' then error::text
            else '{"code":"UNKNOWN"' || coalesce(',"details":' || error::text, '') || '}' end;
