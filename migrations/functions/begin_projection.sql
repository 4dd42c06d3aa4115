-- Makes sure that a projection has its cursors, and that its live slot was filled by this version of it or a later one:
-- otherwise the other slot is emptied and filled from the first block beside it. Answers whether it is being filled, and else
-- which slot still holds what was live before and is to be emptied.
--
-- Locks:    the row of projections; empty_slot.
-- Index:    projections_pkey, cursors_pkey.
-- Measured: 0.1 ms when there is nothing to do.
create or replace function taskledger.begin_projection(projection text, version int)
returns table (building boolean, left_slot text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_p record;
  v_other text;
begin
  select * into strict v_p from taskledger.projections p where p.name = begin_projection.projection for update;
  v_other := case v_p.live when 'a' then 'b' else 'a' end;
  insert into taskledger.cursors (projection, slot, site)
  select v_p.name, v_p.live, s.site from taskledger.streams s
  on conflict do nothing;
  building := v_p.building_version is not null and not v_p.replaying;
  if begin_projection.version > greatest(v_p.version, v_p.building_version) then
    if not taskledger.empty_slot(v_p.name, v_other) then
      raise exception using errcode = 'TL041',
        message = format('Expected no query on %s to last longer than a second; found one. Try again when it has ended (pg_stat_activity).', v_p.name);
    end if;
    insert into taskledger.cursors (projection, slot, site) select v_p.name, v_other, s.site from taskledger.streams s;
    update taskledger.projections p set building_version = begin_projection.version where p.name = v_p.name;
    building := true;
  elsif v_p.building_version is null then
    left_slot := (select min(c.slot) from taskledger.cursors c where c.projection = v_p.name and c.slot = v_other);
  end if;
  return next;
end $$;
