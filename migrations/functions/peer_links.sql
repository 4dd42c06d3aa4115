-- The peers and how to reach them: secrets, for the daemon alone.
--
-- Locks:    none.
-- Index:    peers_pkey.
-- Measured: 0.04 ms.
create or replace function taskledger.peer_links()
returns table (site text, id uuid, url text, transport text, slot text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  return query
  select p.site, p.id, p.url, p.transport, taskledger.slot_name(s.name, s.id, p.site, p.id)
    from taskledger.peers p cross join taskledger.site s order by p.site;
end $$;
