-- The received streams of which more is proven than was looked through for requests.
--
-- Locks:    none.
-- Index:    proofs_pkey, request_cursors_pkey.
-- Measured: 4 ms on a machine with six times more to do than it could; reads one row per site of each table.
create or replace function taskledger.unheard_streams()
returns table (stream text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select s.site from taskledger.streams s cross join taskledger.site me
    join taskledger.proofs p on p.by_site = me.name and p.of_site = s.site
    left join taskledger.request_cursors c on c.site = s.site
   where not s.own and p.number > coalesce(c.block, 0)
   order by s.site;
end $$;
