-- Gives every lease in force that a rule is about its place, those granted before there was the rule included. They are found by
-- the claims, so it costs what is leased at this site, not what waits. Called under the lock of the rule, or under the exclusive
-- lock of the realms. A claim that began before the rule was set may commit after this: so each claim of what is capped looks
-- again, until one does after every transaction as old as `changed_in` has ended.
--
-- Locks:    none.
-- Index:    open_tasks_pkey; one pass over claims.
-- Measured: not yet.
create or replace function taskledger.note_leases(about text)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $$
begin
  insert into taskledger.places (about, task_id)
  select note_leases.about, t.task_id
    from taskledger.claims k, unnest(k.task_ids) i(task_id),
         lateral (select o.task_id, o.queue, o.name, o."group" from taskledger.open_tasks o
                   where o.task_id = i.task_id and o.state = 'leased' offset 0) t
   where note_leases.about in ('queue:' || t.queue, 'task:' || t.name, 'group:' || t."group")
  on conflict do nothing;
end $$;
