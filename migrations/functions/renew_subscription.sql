-- Lets a subscription to a peer, if there is one, go on by the way that is known now; a peer that is pulled from has none.
--
-- Locks:    pg_advisory_xact_lock of the membership, by its caller; what ALTER or DROP SUBSCRIPTION takes.
-- Index:    peers_pkey.
-- Measured: 0.1 ms.
create or replace function taskledger.renew_subscription(peer text)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_peer record;
begin
  select taskledger.slot_name(s.name, s.id, p.site, p.id) as slot, p.url, p.transport into strict v_peer
    from taskledger.peers p cross join taskledger.site s where p.site = renew_subscription.peer;
  if v_peer.transport = 'pull' then
    perform taskledger.unsubscribe(peer);
    return;
  end if;
  if not exists (select from pg_subscription u join pg_database d on d.oid = u.subdbid
                  where d.datname = current_database() and u.subname = v_peer.slot) then
    return;
  end if;
  -- See subscribe: the context of an error would quote the URL.
  begin
    execute format('alter subscription %I connection %L', v_peer.slot, v_peer.url);
  exception
    when syntax_error then
      raise exception using errcode = 'TL002',
        message = format('Expected the URL of site %s to be one that PostgreSQL can read; found an option it does not know, or a character that is not percent-encoded. Correct the URL.', peer);
    when others then
      raise exception using errcode = sqlstate, message = replace(sqlerrm, v_peer.url, '(the URL of the peer)');
  end;
end $$;
