-- True when what is said of a task besides its input can be recorded. The limits are those of src/events/limits.ts; what is
-- wrong is explained by submission_problem().
-- Called by submit_many() only, which sets standard_conforming_strings: without it the `\.` below would let any character through.
--
-- Locks:    none.
-- Index:    none.
-- Measured: 7 us; called once per batch, and once per task that has options of its own.
create or replace function taskledger.is_submission(name text, queue text, "group" text, priority text, key text, start_after text,
                                                    start_before text, deadline text, retry text, timeout_ms text, protected text, plugin text)
returns boolean
language plpgsql immutable parallel safe
as $$
begin
  return name ~ '^[a-zA-Z][a-zA-Z0-9_-]*(\.[a-zA-Z0-9_-]+)*$' and pg_catalog.length(name) <= 200
    and queue ~ '^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}$'
    and ("group" is null or pg_catalog.length("group") between 1 and 200 and "group" !~ '[[:cntrl:]]')
    and (priority = '0' or pg_catalog.pg_input_is_valid(priority, 'int4') and priority::int between -100 and 100)
    and (key is null or pg_catalog.length(key) between 1 and 500 and key !~ '[[:cntrl:]]')
    and (start_after is null or taskledger.is_moment(start_after))
    and (start_before is null or taskledger.is_moment(start_before))
    and (deadline is null or taskledger.is_moment(deadline))
    and (retry = '{"attempts":3}' or taskledger.is_retry_policy(retry))
    and (timeout_ms is null or pg_catalog.pg_input_is_valid(timeout_ms, 'int8') and timeout_ms::bigint >= 1)
    and protected in ('true', 'false')
    and (plugin is null or taskledger.is_plugin_range(plugin));
end $$;
