-- Makes another site unknown: ends the subscription to it, forgets how to reach it. What it recorded stays, with its blocks
-- and what was proven of them, and so does the slot it read from here, which is not a matter of this transaction. Answers
-- false when it was no peer.
--
-- Locks:    pg_advisory_xact_lock of the membership; what DROP SUBSCRIPTION takes; enter_realm.
-- Index:    peers_pkey, link_states_pkey.
-- Measured: 12 ms.
create or replace function taskledger.remove_peer(peer text, reason text default null)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason constant text := coalesce(',"reason":' || to_json(taskledger.require_reason(remove_peer.reason))::text, '');
  v_realm record;
begin
  perform pg_advisory_xact_lock(hashtextextended('taskledger.membership', 0));
  if not exists (select from taskledger.peers p where p.site = remove_peer.peer) then return false; end if;
  perform taskledger.unsubscribe(peer);
  delete from taskledger.peers p where p.site = remove_peer.peer;
  delete from taskledger.link_states l where l.site = remove_peer.peer;
  -- A site that recovers may have to be told that a peer it waits for is gone. Its stream takes nothing yet: see end_recovery.
  if exists (select from taskledger.realms r join taskledger.site s on s.name = r.owner where r.state = 'recovering') then return true; end if;
  select * into v_realm from taskledger.enter_realm();
  insert into taskledger.events (site, seq, realm, epoch, type, occurred_at, actor, data)
  values (v_realm.site, nextval('taskledger.event_seq'), v_realm.realm, v_realm.epoch, 'site.left',
          date_trunc('milliseconds', clock_timestamp()), session_user, ('{"name":"' || peer || '"' || v_reason || '}')::json);
  return true;
end $$;
