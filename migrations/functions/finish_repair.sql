-- Notes that an ordered repair was done, with what a peer has.
--
-- Locks:    its row of repairs.
-- Index:    repairs_pkey.
-- Measured: 0.02 ms.
create or replace function taskledger.finish_repair(id bigint, peer text, events int)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  update taskledger.repairs r
     set done_at = date_trunc('milliseconds', clock_timestamp()), done_from = peer, events = finish_repair.events
   where r.id = finish_repair.id;
end $$;
