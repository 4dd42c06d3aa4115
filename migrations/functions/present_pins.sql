-- The pins, version ranges asked of a plugin, that open tasks of these names have. From these a runner makes its offers to `claim`.
-- A loose scan: it jumps from pin to pin, whatever their lanes hold. `known`: [{"name", "pin"}] the caller knows already. They are not
-- answered, and not entered: each search ends before the next one of them, as in present_lanes().
--
-- Locks:    none.
-- Index:    open_tasks_lane, one descent per pin, known or not, and one per name.
-- Measured: 24 us for two names, 28 us with a pin that is known, with 1 M open tasks (`npm run bench -- functions`).
create or replace function taskledger.present_pins(names text[], known json default null)
returns table (name text, pin text)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  -- Greater than every pin: those have 100 characters at most, and none that is a control character.
  v_end constant text := repeat(chr(1114111), 101);
begin
  return query
    with recursive searches as (
      select b.name, b.pin, lead(b.pin, 1, v_end) over (partition by b.name order by b.pin) as to_pin, false as is_open
        -- Tasks that ask for no plugin are no kind to be looked for.
        from (select n.name, '' collate "C" as pin from unnest(present_pins.names) n(name)
              union
              select k.name, k.pin from json_to_recordset(known) k(name text, pin text collate "C") where k.name = any (present_pins.names)) b
    ), present as (
      select s.name, s.pin, s.to_pin, s.is_open from searches s
      union all
      select p.name, l.pin, p.to_pin, true
        from present p,
             lateral (select t.pin from taskledger.open_tasks t
                       where t.name = p.name and t.pin > p.pin and t.pin < p.to_pin order by t.pin limit 1) l
    )
    select p.name, p.pin from present p where p.is_open;
end $$;
