-- True when this site knows another one: a stream of its own is here for each. A protected task may then have begun
-- elsewhere without anybody here knowing, and is refused until a takeover can tell.
--
-- Locks:    none.
-- Index:    pg_inherits_parent_index.
-- Measured: not yet; called for batches with a protected task only.
create or replace function taskledger.has_peer()
returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (select count(*) > 1 from pg_inherits i where i.inhparent = 'taskledger.events'::regclass);
end $$;
