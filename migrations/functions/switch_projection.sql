-- Makes the slot that was filled beside the live one the live one, if it has read as much. Answers the slot that was live and
-- is to be emptied now; null when it is not time yet. Readers see one or the other, never less. Its statistics are gathered
-- before, by analyze_slot.
--
-- Locks:    the cursors of both slots, so that neither moves meanwhile; the row of projections.
-- Index:    projections_pkey, cursors_pkey.
-- Measured: 0.2 ms.
create or replace function taskledger.switch_projection(projection text)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_p record;
begin
  select * into strict v_p from taskledger.projections p where p.name = switch_projection.projection for update;
  if v_p.building_version is null or v_p.replaying then return null; end if;
  perform from taskledger.cursors c where c.projection = v_p.name order by c.slot, c.site for update;
  if not taskledger.has_caught_up(v_p.name) then return null; end if;
  update taskledger.projections p
     set live = case v_p.live when 'a' then 'b' else 'a' end, version = v_p.building_version, building_version = null
   where p.name = v_p.name;
  return v_p.live;
end $$;
