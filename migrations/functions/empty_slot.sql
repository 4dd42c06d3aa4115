-- Empties the slot of a projection that is not live, and forgets its cursors. False when a query held it for longer than a
-- second: queries on the views name both slots, and who waits for them makes later ones wait behind it. Tried again then.
--
-- Locks:    the row of projections; the cursors of the slot, so that nobody writes into it; then ACCESS EXCLUSIVE on its partitions.
-- Index:    cursors_pkey.
-- Measured: 5 ms, whatever they held.
create or replace function taskledger.empty_slot(projection text, slot text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '1s'
as $$
declare
  v_p record;
  v_table text;
begin
  select * into strict v_p from taskledger.projections p where p.name = empty_slot.projection for update;
  if v_p.live = empty_slot.slot then
    raise exception using errcode = 'TL002',
      message = format('Expected a slot that is not live; found %L, which readers of %s see. Name the other.', empty_slot.slot, v_p.name);
  end if;
  begin
    delete from taskledger.cursors c where c.projection = v_p.name and c.slot = empty_slot.slot;
    foreach v_table in array v_p.tables loop
      execute format('truncate taskledger.%I', v_table || '_' || empty_slot.slot);
    end loop;
  exception when lock_not_available then
    return false;
  end;
  update taskledger.projections p set building_version = null, replaying = false where p.name = v_p.name;
  return true;
end $$;
