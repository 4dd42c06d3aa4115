-- Records that an incident was dealt with, in the own stream.
--
-- Locks:    enter_realm.
-- Index:    none.
-- Measured: within clear_fault.
create or replace function taskledger.close_incident(site text, seq bigint, resolution text)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_realm record;
begin
  select * into v_realm from taskledger.enter_realm();
  insert into taskledger.events (site, seq, realm, epoch, type, occurred_at, actor, data)
  values (v_realm.site, nextval('taskledger.event_seq'), v_realm.realm, v_realm.epoch, 'incident.closed', date_trunc('milliseconds', clock_timestamp()), session_user,
          ('{"incident":["' || close_incident.site || '","' || close_incident.seq || '"],"resolution":' || to_json(resolution) || '}')::json);
end $$;
