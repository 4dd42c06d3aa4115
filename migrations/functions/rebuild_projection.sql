-- Begins to fill the slot of a projection that is not live from the first block, beside the live one. It goes live when it has
-- caught up; a replay never does, and is compared. Answers the slot.
--
-- Locks:    the row of projections; empty_slot. A replay holds an advisory lock of its session, so that the slot of one that
--           was killed can be told from that of one at work.
-- Index:    projections_pkey.
-- Measured: 5 ms.
create or replace function taskledger.rebuild_projection(projection text, replaying boolean default false)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_lock constant bigint := hashtextextended('taskledger.replay.' || rebuild_projection.projection, 0);
  v_p record;
  v_other text;
  v_free boolean;
begin
  select * into v_p from taskledger.projections p where p.name = rebuild_projection.projection for update;
  if not found then
    raise exception using errcode = 'TL002',
      message = format('Expected one of %s; found %L. Name one of them.', (select string_agg(p.name, ', ' order by p.name) from taskledger.projections p), left(projection, 100));
  end if;
  v_free := case when rebuild_projection.replaying then pg_try_advisory_lock(v_lock) else pg_try_advisory_xact_lock(v_lock) end;
  if not v_free or v_p.building_version is not null and not v_p.replaying then
    if v_free and rebuild_projection.replaying then perform pg_advisory_unlock(v_lock); end if;
    raise exception using errcode = 'TL042',
      message = format('Expected the other slot of %s to be free; found it being filled. Wait until that is done, and try again.', v_p.name);
  end if;
  v_other := case v_p.live when 'a' then 'b' else 'a' end;
  if not taskledger.empty_slot(v_p.name, v_other) then
    raise exception using errcode = 'TL041',
      message = format('Expected no query on %s to last longer than a second; found one. Try again when it has ended (pg_stat_activity).', v_p.name);
  end if;
  insert into taskledger.cursors (projection, slot, site) select v_p.name, v_other, s.site from taskledger.streams s;
  update taskledger.projections p set building_version = v_p.version, replaying = rebuild_projection.replaying where p.name = v_p.name;
  return v_other;
end $$;
