-- Stops a projection at blocks whose events are not all in the log: what is missing must never be passed over.
--
-- Locks:    none.
-- Index:    none.
-- Measured: less than 0.01 ms.
create or replace function taskledger.require_events(site text, from_block bigint, to_block bigint, expected bigint, counted bigint)
returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if expected is distinct from counted then
    raise exception using errcode = 'TL040',
      message = format('Expected %s events in blocks %s to %s of site %s; found %s in the log. Run: taskledger audit verify, which names the block.',
                       expected, from_block, to_block, require_events.site, counted);
  end if;
end $$;
