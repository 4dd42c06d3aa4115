-- Puts the gate on a received stream, open: see gate_event.
--
-- Locks:    SHARE ROW EXCLUSIVE on the leaf.
-- Index:    none.
-- Measured: within add_peer.
create or replace function taskledger.add_gate(stream text)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_leaf constant text := 'events_' || replace(stream, '-', '_');
begin
  execute format('create trigger gate before insert on taskledger.%I for each row execute function taskledger.gate_event()', v_leaf);
  execute format('alter table taskledger.%I disable trigger gate', v_leaf);
end $$;
