-- Stops everything that reads a received stream before a block that does not prove, and raises an incident about it, once.
-- Answers the seq of the incident; null when the stream was halted there already.
--
-- Locks:    the row of streams; enter_realm.
-- Index:    streams_pkey.
-- Measured: 0.1 ms.
create or replace function taskledger.halt_stream(stream text, block bigint, kind text, summary text, details json)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_halted json;
  v_seq bigint;
begin
  select s.halted into v_halted from taskledger.streams s where s.site = stream for update;
  if (v_halted ->> 'block')::bigint = block then return null; end if;
  v_seq := taskledger.raise_incident(kind, summary, details);
  update taskledger.streams s
     set halted = json_build_object('block', block::text, 'why', summary, 'incident', json_build_array((select me.name from taskledger.site me), v_seq::text))
   where s.site = stream;
  return v_seq;
end $$;
