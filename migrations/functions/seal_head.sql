-- What the sealer needs to begin a tick, in the REPEATABLE READ transaction of the tick: the site, the snapshot the tick
-- will store, the time to seal at, and the head it goes on from (number 0 and 32 zero bytes before the first block).
--
-- Locks:    none.
-- Index:    blocks_pkey, from its end.
-- Measured: 0.04 ms.
create or replace function taskledger.seal_head()
returns table (site text, snapshot text, sealed_at_ms text, number text, hash bytea)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  select s.name into site from taskledger.site s;
  snapshot := pg_current_snapshot()::text;
  sealed_at_ms := floor(extract(epoch from clock_timestamp()) * 1000)::bigint::text;
  select b.number::text, b.hash into number, hash from taskledger.blocks b where b.site = seal_head.site order by b.number desc limit 1;
  number := coalesce(number, '0');
  hash := coalesce(hash, decode(repeat('00', 32), 'hex'));
  return next;
end $$;
