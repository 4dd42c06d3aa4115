-- True when this site has a peer. A protected task may then have begun
-- elsewhere without anybody here knowing, and is refused until a takeover can tell.
--
-- Locks:    none.
-- Index:    none; a table of a few rows.
-- Measured: 12 us; called for batches with a protected task only.
create or replace function taskledger.has_peer()
returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from taskledger.peers);
end $$;
