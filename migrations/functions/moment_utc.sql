-- A moment that is_moment() accepted in the one form events carry: ISO 8601, UTC, milliseconds, finer digits cut off. What
-- Postgres reads is more than that form: `2026-01-31 24:00+01` would be stored, and then refused by whoever reads the event.
--
-- Locks:    none.
-- Index:    none.
-- Measured: called for tasks that carry a window only.
create or replace function taskledger.moment_utc(moment text)
returns text
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
return to_char(date_trunc('milliseconds', moment::timestamptz) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
