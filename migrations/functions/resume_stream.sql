-- Lets a halted stream be read again, because its block proves now, and closes the incident that told of it. Answers whether
-- it was halted.
--
-- Locks:    the row of streams; enter_realm.
-- Index:    streams_pkey.
-- Measured: 0.1 ms.
create or replace function taskledger.resume_stream(stream text, resolution text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_halted json;
  v_realm record;
begin
  select s.halted into v_halted from taskledger.streams s where s.site = stream for update;
  if v_halted is null then return false; end if;
  select * into v_realm from taskledger.enter_realm();
  insert into taskledger.events (site, seq, realm, epoch, type, occurred_at, actor, data)
  values (v_realm.site, nextval('taskledger.event_seq'), v_realm.realm, v_realm.epoch, 'incident.closed', date_trunc('milliseconds', clock_timestamp()), session_user,
          ('{"incident":' || (v_halted -> 'incident') || ',"resolution":' || to_json(resolution) || '}')::json);
  update taskledger.streams s set halted = null where s.site = stream;
  return true;
end $$;
