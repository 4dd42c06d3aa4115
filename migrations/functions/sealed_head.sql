-- The head of the own stream, once every event visible in the snapshot `since` is in a block; null before. Either nothing is
-- left to seal, or the last tick saw all that `since` saw.
--
-- Locks:    none.
-- Index:    those of sealable; blocks_pkey, from its end.
-- Measured: 0.1 ms.
create or replace function taskledger.sealed_head(since text)
returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_since constant pg_snapshot := since::pg_snapshot;
  v_tick pg_snapshot;
begin
  select s.snapshot into v_tick from taskledger.sealing s;
  if taskledger.sealable() is distinct from false
    and (v_tick is null or pg_snapshot_xmax(v_tick) < pg_snapshot_xmax(v_since)
         or exists (select from pg_snapshot_xip(v_tick) x where pg_visible_in_snapshot(x, v_since))) then
    return null;
  end if;
  return (select b.number::text from taskledger.blocks b join taskledger.site s on s.name = b.site order by b.number desc limit 1);
end $$;
