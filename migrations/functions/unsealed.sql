-- What the next tick of the sealer has to seal: the events of the own stream that are visible now and were not at the last
-- tick, in blocks of at most `block_events`, in seq order. Answers each block's members, and its leaf hashes end to end.
-- Called in a REPEATABLE READ transaction, whose snapshot `seal` stores: a long transaction delays only its own events,
-- none is skipped, and of two events of one task the later never lands in an earlier block (I8).
--
-- Locks:    none that a writer needs.
-- Index:    the own stream's (xid); the stream's primary key for what is in no block yet.
-- Measured: 4 us per event, nearly all of it hashing, and 1 ms per tick; 14 ms where the planner, who takes what is new for a third of
--           the log, may start processes of its own. `xid >= xmin(previous)` instead of the two conditions cost 230 ms per tick behind one old
--           writing transaction (prototype).
create or replace function taskledger.unsealed(block_events int default 10000)
returns table (block int, event_count int, members int8multirange, leaves bytea)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_custom_plan
set max_parallel_workers_per_gather = 0
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_site text;
  v_last pg_snapshot;
  v_foreign bigint;
  v_sealed int8multirange;
begin
  select s.name into v_site from taskledger.site s;
  select s.snapshot, s.foreign_until into v_last, v_foreign from taskledger.sealing s;
  if v_last is null then
    -- In a variable it is unpacked once; `<@` on the stored column unpacks it for every row (10 minutes, prototype).
    select coalesce(range_agg(b.members), '{}') into v_sealed from taskledger.blocks b where b.site = v_site;
  end if;
  -- The leaf, without its site: before the first ANALYZE the planner takes `site = v_site` for rare, and walks the primary key.
  return query execute format($sql$
    with fresh as (
      select e.* from taskledger.%1$I e
       where $1 is not null and e.seq > $2 and e.xid >= pg_snapshot_xmax($1)
      union all
      select e.* from taskledger.%1$I e
       where $1 is not null and e.seq > $2 and e.xid = any (array(select pg_snapshot_xip($1)))
      union all
      select e.* from taskledger.%1$I e
       where $1 is null and not e.seq <@ $3
    ), hashed as (
      select e.seq, sha256('\x00' || convert_to('tl1' || E'\n' || e.site || E'\n' || e.seq::text || E'\n' || e.realm || E'\n' || e.epoch::text || E'\n'
                      || coalesce(e.task_id::text, '') || E'\n' || coalesce(e.version::text, '') || E'\n' || e.type || E'\n'
                      || (extract(epoch from e.occurred_at) * 1000)::bigint::text || E'\n' || e.actor || E'\n'
                      || coalesce(encode(sha256(convert_to(e.context::text, 'UTF8')), 'hex'), '') || E'\n'
                      || encode(sha256(convert_to(e.data::text, 'UTF8')), 'hex'), 'UTF8')) as leaf,
             ((row_number() over (order by e.seq) - 1) / $4)::int as block
        from fresh e
    )
    select h.block, count(*)::int, range_agg(int8range(h.seq, h.seq, '[]')), string_agg(h.leaf, '' order by h.seq)
      from hashed h group by h.block order by h.block $sql$,
      'events_' || replace(v_site, '-', '_'))
    using v_last, v_foreign, v_sealed, block_events;
end $$;
