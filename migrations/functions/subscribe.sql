-- Subscribes to a peer whose slot for this site exists (slot_name). Copies nothing: what was recorded before the slot is
-- pulled. A subscription that is there already is replaced, which forgets how far it was, as its slot is a new one. Refused
-- for a peer that is pulled from: a link that has not heard of the change yet would else bring the subscription back for good.
--
-- Locks:    pg_advisory_xact_lock of the membership; what CREATE SUBSCRIPTION takes.
-- Index:    none.
-- Measured: 27 ms, of which most is the connection to the peer.
create or replace function taskledger.subscribe(peer text)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_slot text;
  v_url text;
  v_transport text;
begin
  perform pg_advisory_xact_lock(hashtextextended('taskledger.membership', 0));
  select taskledger.slot_name(s.name, s.id, p.site, p.id), p.url, p.transport into v_slot, v_url, v_transport
    from taskledger.peers p cross join taskledger.site s where p.site = subscribe.peer;
  if v_slot is null then
    raise exception using errcode = 'TL051', message = format('Expected %L to be a peer; found no such site. Run: taskledger site add.', left(peer, 60));
  end if;
  if v_transport <> 'logical' then
    raise exception using errcode = 'TL051',
      message = format('Expected site %s to be replicated from; found transport %s. Change it with: taskledger site add.', peer, v_transport);
  end if;
  perform taskledger.unsubscribe(peer);
  -- Postgres quotes the statement, and with it the password in the URL, in the context of an error: to the client and into
  -- the log of the server. So the error is raised anew, without it; of a URL it cannot read the message quotes a part.
  begin
    execute format('create subscription %I connection %L publication taskledger, taskledger_marks
                      with (create_slot = false, slot_name = %L, copy_data = false, origin = none, streaming = off, synchronous_commit = off)',
                   v_slot, v_url, v_slot);
  exception
    when syntax_error then
      raise exception using errcode = 'TL002',
        message = format('Expected the URL of site %s to be one that PostgreSQL can read; found an option it does not know, or a character that is not percent-encoded. Correct the URL.', peer);
    when others then
      raise exception using errcode = sqlstate, message = replace(sqlerrm, v_url, '(the URL of the peer)');
  end;
  return v_slot;
end $$;
