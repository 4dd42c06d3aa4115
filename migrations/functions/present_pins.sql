-- The pins, version ranges asked of a plugin, that open tasks of these names have; '' stands for none. From this a runner makes its
-- offers to `claim`. A loose scan: it jumps from pin to pin, whatever their lanes hold.
--
-- Locks:    none.
-- Index:    open_tasks_lane, one descent per pin and one per name.
-- Measured: 75 us for two names.
create or replace function taskledger.present_pins(names text[])
returns table (name text, pin text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  return query
    with recursive present as (
      select n.name, l.pin
        from unnest(present_pins.names) n(name),
             lateral (select t.pin from taskledger.open_tasks t where t.name = n.name order by t.pin limit 1) l
      union all
      select p.name, l.pin
        from present p,
             lateral (select t.pin from taskledger.open_tasks t where t.name = p.name and t.pin > p.pin order by t.pin limit 1) l
    )
    select p.name, p.pin from present p;
end $$;
