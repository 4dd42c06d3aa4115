-- The lanes (name, pin, queue, priority, group) of these names and queues that hold any open task, as a JSON array. `pins` says of each
-- name which pin of it is meant, by default none. A loose scan: it jumps from lane to lane, whatever their length.
-- Of each name, pin, queue and priority at most `groups_max` groups are told: the first half from the start, the others after
-- `after_group`; the last one says `more` if there were too many. So a site of any number of tenants costs a look the same, and whoever
-- asks again after that group meets all of them in turn.
-- Where priorities differ, each lane has a `level`: its priority, and one more for each minute that its first due task waits, or for
-- as long as a rule of its queue says; 0 is none. `start` is the run_at of its first open task: a claim need not look before it.
-- `known`: lanes the caller knows already, as in claim(). They are not answered, and, what counts beside an old snapshot, not entered:
-- each search ends before the next one of them, so it does not walk over the entries of ended tasks that the snapshot keeps in them.
--
-- Locks:    none.
-- Index:    open_tasks_lane, one descent per lane; one more, the leased rows of the lane, and rules_pkey, where priorities differ.
-- Measured: 107 us for one lane, 1.3 ms for 41, with 1 M open tasks (a `select distinct` of the same: 270 ms); 47 us and 1.2 ms before
--           lanes could be passed over. As an SQL-language function it was planned anew by every call: 200 us. Behind ten million
--           ended tasks that an old snapshot keeps, in a lane that is not known: 13 s.
create or replace function taskledger.present_lanes(names text[], queues text[], pins text[] default null, after_group text default '',
                                                    groups_max int default 200, known json default null)
returns json
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now constant timestamptz := clock_timestamp();
  -- Greater than every group: those have 200 characters at most, and none that is a control character.
  v_end constant text := repeat(chr(1114111), 201);
  -- Smaller than every rank.
  v_first constant smallint := -32768;
begin
  return (with recursive passed as (
    select distinct k.name, coalesce(k.pin, '') as pin, k.queue, (-k.priority)::smallint as rank, coalesce(k."group", '') as "group"
      from json_to_recordset(known) k(name text, pin text, queue text collate "C", priority smallint, "group" text collate "C")
     where exists (select from unnest(names, pins) n(name, pin) where n.name = k.name and coalesce(n.pin, '') = coalesce(k.pin, ''))
  ), gaps as (
    select b.*, lead(b.queue, 1, v_end) over g as to_queue, lead(b.rank, 1, 0::smallint) over g as to_rank, lead(b."group", 1, '') over g as to_group
      from (select n.name, coalesce(n.pin, '') as pin, '' collate "C" as queue, 0::smallint as rank, '' collate "C" as "group" from unnest(names, pins) n(name, pin)
            union all select * from passed) b
    window g as (partition by b.name, b.pin order by b.queue, b.rank, b."group")
  ), present as (
    -- The lanes that follow, one after the other, from where each search begins until it ends.
    select g.name, g.pin, g.queue, g.rank, g."group", null::timestamptz as run_at, 0 as told, g.to_queue, g.to_rank, g.to_group from gaps g
    union all
    select p.name, p.pin, l.queue, l.rank, l."group", l.run_at, case when (l.queue, l.rank) = (p.queue, p.rank) then p.told + 1 else 1 end,
           p.to_queue, p.to_rank, p.to_group
      from (select f.*, case when f.told >= groups_max then v_end
                             when f.told > 0 and f.told = groups_max / 2 then greatest(f."group", after_group) else f."group" end as after
              from present f) p,
           -- In an earlier queue than where the search ends, with a lower rank in that queue, or in an earlier group of that rank. As one row
           -- comparison, which before 18 ends no scan but by its first column, it would read the lane that it is to end at.
           lateral ((select t.queue, t.rank, t."group", t.run_at from taskledger.open_tasks t
                      where t.name = p.name and t.pin = p.pin
                        and (t.queue, t.rank, t."group") > (p.queue, p.rank, p.after) and t.queue < p.to_queue
                      order by t.queue, t.rank, t."group", t.run_at, t.task_id limit 1)
                    union all
                    (select t.queue, t.rank, t."group", t.run_at from taskledger.open_tasks t
                      where t.name = p.name and t.pin = p.pin and t.queue = p.to_queue and p.to_queue < v_end
                        and (t.rank, t."group") > (case when p.queue = p.to_queue then p.rank else v_first end, p.after) and t.rank < p.to_rank
                      order by t.rank, t."group", t.run_at, t.task_id limit 1)
                    union all
                    (select t.queue, t.rank, t."group", t.run_at from taskledger.open_tasks t
                      where t.name = p.name and t.pin = p.pin and t.queue = p.to_queue and t.rank = p.to_rank and p.to_queue < v_end
                        and t."group" >= case when (p.queue, p.rank) = (p.to_queue, p.to_rank) then p.after || chr(1) else '' end
                        and t."group" < p.to_group
                      order by t."group", t.run_at, t.task_id limit 1)
                    limit 1) l
  ), wanted as (
    select p.name, p.pin, p.queue, p.rank, p."group", p.run_at, p.told >= groups_max as more
      from present p where p.told > 0 and (queues is null or p.queue = any (queues))
  )
  select coalesce(json_agg(json_build_object(
           'name', w.name, 'pin', w.pin, 'queue', w.queue, 'priority', -w.rank, 'group', w."group", 'more', w.more, 'start', w.run_at,
           'level', -w.rank + case when m.mixed then coalesce((
              select floor(extract(epoch from v_now - t.run_at) * 1000 / nullif(coalesce((
                       select r.ages_ms from taskledger.rules r where r.about = 'queue:' || w.queue), 60000), 0))::int
                from taskledger.open_tasks t
               where t.name = w.name and t.pin = w.pin and t.queue = w.queue and t.rank = w.rank and t."group" = w."group"
                 and t.run_at <= v_now and t.state = 'pending'
               order by t.run_at, t.task_id limit 1), 0) else 0 end)), '[]')
    from wanted w, (select min(rank) <> max(rank) as mixed from (select rank from wanted union all select rank from passed) r) m);
end $$;
