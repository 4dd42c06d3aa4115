-- Whether the site of this name and id is a peer of this one: what a link asks before it makes a slot here. A site that was
-- removed, or added on its own side alone, would make one that nobody here knows of.
--
-- Locks:    none.
-- Index:    peers_pkey.
-- Measured: 0.02 ms.
create or replace function taskledger.is_peer(peer text, id uuid)
returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return exists (select from taskledger.peers p where p.site = is_peer.peer and p.id = is_peer.id);
end $$;
