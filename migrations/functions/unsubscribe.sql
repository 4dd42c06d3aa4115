-- Ends the subscription to a peer and leaves the peer's slot alone, which may be out of reach. Answers whether there was one.
--
-- Locks:    pg_advisory_xact_lock of the membership; what DROP SUBSCRIPTION takes: waits for the apply worker to end.
-- Index:    none.
-- Measured: 11 ms.
create or replace function taskledger.unsubscribe(peer text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slot text;
begin
  perform pg_advisory_xact_lock(hashtextextended('taskledger.membership', 0));
  select taskledger.slot_name(s.name, s.id, p.site, p.id) into v_slot
    from taskledger.peers p cross join taskledger.site s where p.site = unsubscribe.peer;
  if not exists (select from pg_subscription u join pg_database d on d.oid = u.subdbid
                  where d.datname = current_database() and u.subname = v_slot) then
    return false;
  end if;
  execute format('alter subscription %I disable', v_slot);
  execute format('alter subscription %I set (slot_name = none)', v_slot);
  execute format('drop subscription %I', v_slot);
  return true;
end $$;
