-- What this site has of each stream: its last block, and the block up to which it proved it (of the own stream both are the
-- head).
--
-- Locks:    none.
-- Index:    blocks_pkey from the end of each stream, proofs_pkey.
-- Measured: 0.05 ms.
create or replace function taskledger.stream_heads()
returns table (site text, own boolean, number bigint, hash text, proved bigint, halted json)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  return query
  select s.site, s.own, coalesce(b.number, 0), coalesce(encode(b.hash, 'hex'), ''),
         case when s.own then coalesce(b.number, 0) else coalesce(p.number, 0) end, s.halted
    from taskledger.streams s
   cross join taskledger.site me
    left join lateral (select x.number, x.hash from taskledger.blocks x where x.site = s.site order by x.number desc limit 1) b on true
    left join taskledger.proofs p on p.by_site = me.name and p.of_site = s.site
   order by s.site;
end $$;
