-- Stores events of a received stream that were pulled, given as a JSON array of rows with `context` and `data` as text:
-- what is here already is left alone, and what is here with another content goes to quarantine. The own stream takes them
-- only while the site recovers, and the sealer leaves them alone. Answers how many were new.
--
-- Locks:    pg_advisory_xact_lock(stream), which the gate of the apply worker takes as well. Keep the transaction short.
-- Index:    the stream's primary key.
-- Measured: `npm run bench -- replication --parts repair`.
create or replace function taskledger.receive_events(stream text, events json)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_new int;
  v_given int;
begin
  perform taskledger.require_received(stream);
  perform pg_advisory_xact_lock(hashtextextended('taskledger.stream.' || stream, 0));
  v_given := json_array_length(receive_events.events);
  with added as (
    -- The xid of a transaction long ago: not this site's to seal.
    insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data, xid)
    select stream, g.seq, g.realm, g.epoch, g.task_id, g.version, g.type, g.occurred_at, g.actor, g.context::json, g.data::json, '3'
      from json_to_recordset(receive_events.events) as g(seq bigint, realm text, epoch int, task_id uuid, version int, type text,
             occurred_at timestamptz, actor text, context text, data text)
     order by g.seq
    on conflict do nothing
    returning 1)
  select count(*) into v_new from added;
  if v_new < v_given then
    insert into taskledger.quarantine (site, what, place, content, received_at)
    select stream, 'event', g.seq, to_json(g), date_trunc('milliseconds', clock_timestamp())
      from json_to_recordset(receive_events.events) as g(seq bigint, realm text, epoch int, task_id uuid, version int, type text,
             occurred_at timestamptz, actor text, context text, data text)
      join taskledger.events e on e.site = stream and e.seq = g.seq
     where (e.realm, e.epoch, e.type, e.occurred_at, e.actor, e.data::text) is distinct from (g.realm, g.epoch, g.type, g.occurred_at, g.actor, g.data)
        or (e.task_id, e.version, e.context::text) is distinct from (g.task_id, g.version, g.context);
  end if;
  return v_new;
end $$;
