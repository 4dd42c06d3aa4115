-- Closes the gate of a received stream (each event that replication delivers is checked against what is here) or opens it
-- again. To be closed before a repair inserts anything, and opened only when replication can no longer deliver what the repair
-- brought. What a repair inserts does not pass the gate: receive_events and repair_events look for themselves.
--
-- Locks:    SHARE ROW EXCLUSIVE on the leaf: waits for the transaction the apply worker has open.
-- Index:    none.
-- Measured: 0.1 ms when no transaction of the apply worker is open.
create or replace function taskledger.close_gate(stream text, closed boolean)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $$
begin
  if not exists (select from taskledger.streams s where s.site = stream and not s.own) then
    raise exception using errcode = 'TL002', message = format('Expected a received stream; found %L. Name a peer.', left(stream, 60));
  end if;
  execute format('alter table taskledger.%I %s trigger gate', 'events_' || replace(stream, '-', '_'), case when closed then 'enable replica' else 'disable' end);
end $$;
