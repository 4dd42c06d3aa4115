-- Records that something is as it must not be, in the own stream, so that every site knows. Answers the seq of the event.
--
-- Locks:    enter_realm.
-- Index:    none.
-- Measured: 0.1 ms.
create or replace function taskledger.raise_incident(kind text, summary text, details json default null)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_realm record;
  v_seq bigint;
begin
  select * into v_realm from taskledger.enter_realm();
  v_seq := nextval('taskledger.event_seq');
  insert into taskledger.events (site, seq, realm, epoch, type, occurred_at, actor, data)
  values (v_realm.site, v_seq, v_realm.realm, v_realm.epoch, 'incident.raised', date_trunc('milliseconds', clock_timestamp()), session_user,
          ('{"kind":' || to_json(kind) || ',"summary":' || to_json(summary) || case when details is null then '' else ',"details":' || details end || '}')::json);
  return v_seq;
end $$;
