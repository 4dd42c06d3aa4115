-- Which kinds of task are open here: name, pin ('' for none) and queue. With `offered` it tells which of them nobody can run. A
-- loose scan: it jumps from kind to kind, whatever their lanes hold.
--
-- Locks:    none.
-- Index:    open_tasks_lane, one descent per kind.
-- Measured: none; planned as one descent of the index per kind, and read by people.
create or replace function taskledger.waiting_kinds()
returns table (name text, pin text, queue text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  return query
    with recursive present as (
      (select t.name, t.pin, t.queue from taskledger.open_tasks t order by t.name, t.pin, t.queue limit 1)
      union all
      select l.name, l.pin, l.queue
        from present p,
             lateral (select t.name, t.pin, t.queue from taskledger.open_tasks t
                       where (t.name, t.pin, t.queue) > (p.name, p.pin, p.queue)
                       order by t.name, t.pin, t.queue limit 1) l
    )
    select p.name, p.pin, p.queue from present p;
end $$;
