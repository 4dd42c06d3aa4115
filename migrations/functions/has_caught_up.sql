-- Whether the slot of a projection that is not live has read as much of every stream as the live one.
--
-- Locks:    none.
-- Index:    projections_pkey, cursors_pkey.
-- Measured: within switch_projection.
create or replace function taskledger.has_caught_up(projection text)
returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return not exists (
    select from taskledger.projections p
      join taskledger.cursors l on l.projection = p.name and l.slot = p.live
     where p.name = has_caught_up.projection
       and not exists (select from taskledger.cursors o
                        where o.projection = p.name and o.slot <> p.live and o.site = l.site and o.block >= l.block));
end $$;
