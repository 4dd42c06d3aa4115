-- Subscribes to a peer whose slot for this site exists (slot_name). Copies nothing: what was recorded before the slot is
-- pulled. A subscription that is there already is replaced, which forgets how far it was, as its slot is a new one.
--
-- Locks:    pg_advisory_xact_lock of the membership; what CREATE SUBSCRIPTION takes.
-- Index:    none.
-- Measured: 10 ms.
create or replace function taskledger.subscribe(peer text)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slot text;
  v_url text;
begin
  perform pg_advisory_xact_lock(hashtextextended('taskledger.membership', 0));
  select taskledger.slot_name(s.name, s.id, p.site, p.id), p.url into v_slot, v_url
    from taskledger.peers p cross join taskledger.site s where p.site = subscribe.peer;
  if v_slot is null then
    raise exception using errcode = 'TL051', message = format('Expected %L to be a peer; found no such site. Run: taskledger site add.', left(peer, 60));
  end if;
  perform taskledger.unsubscribe(peer);
  execute format('create subscription %I connection %L publication taskledger, taskledger_marks
                    with (create_slot = false, slot_name = %L, copy_data = false, origin = none, streaming = off, synchronous_commit = off)',
                 v_slot, v_url, v_slot);
  return v_slot;
end $$;
