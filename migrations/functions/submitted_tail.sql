-- What follows the input in the data of a task.submitted event, up to its closing brace. Its arguments were checked.
--
-- Locks:    none.
-- Index:    none.
-- Measured: 8 us; called once per batch, and once per task that has options of its own.
create or replace function taskledger.submitted_tail(queue text, "group" text, priority text, key text, start_after text, start_before text,
                                                     deadline text, retry text, timeout_ms text, protected text, plugin text)
returns text
language plpgsql stable parallel safe
as $$
begin
  return pg_catalog.concat(
    ',"queue":"', queue, '","priority":', priority::int,
    ',"group":' || pg_catalog.to_json("group")::text, ',"key":' || pg_catalog.to_json(key)::text,
    ',"start_after":"' || taskledger.moment_utc(start_after) || '"', ',"start_before":"' || taskledger.moment_utc(start_before) || '"',
    ',"deadline":"' || taskledger.moment_utc(deadline) || '"', ',"retry":', retry, ',"timeout_ms":' || timeout_ms::bigint,
    case protected when 'true' then ',"protected":true' end, ',"plugin":' || pg_catalog.to_json(plugin)::text, '}');
end $$;
