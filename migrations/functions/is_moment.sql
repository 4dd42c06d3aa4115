-- True when a text is a finite moment with an explicit offset, so that no session's time zone can change its meaning.
--
-- Locks:    none.
-- Index:    none.
-- Measured: 1 us; called for tasks that carry a window only.
create or replace function taskledger.is_moment(moment text)
returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return moment ~ '^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}(:?\d{2})?)$' and pg_input_is_valid(moment, 'timestamptz');
