-- Takes blocks of the own stream back, from this one on, because the peers have others under their numbers, which this site
-- sealed before it was restored from an older state: it had begun to work before it could ask them. They are kept in quarantine,
-- an incident tells of them, and their events are sealed again where their place is not taken. Every projection is made anew.
-- Only while the site recovers. Answers how many blocks.
--
-- Locks:    SHARE ROW EXCLUSIVE on blocks; those of rebuild_projection; the cursors of the own stream.
-- Index:    blocks_pkey.
-- Measured: not yet; once after a restore that peers were away at.
create or replace function taskledger.give_up_blocks(from_block bigint)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '10s'
as $$
declare
  v_site text;
  v_given int;
begin
  select s.name into v_site from taskledger.site s;
  perform taskledger.require_received(v_site);
  alter table taskledger.blocks disable trigger user;
  with gone as (delete from taskledger.blocks b where b.site = v_site and b.number >= from_block returning b.*)
  insert into taskledger.quarantine (site, what, place, content, received_at)
  select v_site, 'block', g.number, row_to_json(g), date_trunc('milliseconds', clock_timestamp()) from gone g;
  get diagnostics v_given = row_count;
  alter table taskledger.blocks enable always trigger refuse_change, enable always trigger refuse_change_row, enable always trigger refuse_truncate,
    enable always trigger gate;
  delete from taskledger.proofs p where p.by_site = v_site and p.of_site = v_site and p.number >= from_block;
  -- What they had projected may not be true any more: a slot is filled beside, and is live when it has read as much.
  perform taskledger.rebuild_projection(c.projection)
     from (select distinct c.projection from taskledger.cursors c join taskledger.projections p on p.name = c.projection and p.building_version is null
            where c.site = v_site and c.block >= from_block order by 1) c;
  update taskledger.cursors c set block = from_block - 1 where c.site = v_site and c.block >= from_block;
  return v_given;
end $$;
