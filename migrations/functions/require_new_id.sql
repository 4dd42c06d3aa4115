-- True when no task of this site has the id its submitter chose, else an error that says so. Two submitters of one id at the
-- same moment still meet in the unique index (SQLSTATE 23505).
--
-- Locks:    none.
-- Index:    (task_id, epoch, version) of the stream.
-- Measured: within submit(); called for ids the caller gave, but not for those of the TypeScript batch, which it has just drawn.
create or replace function taskledger.require_new_id(task_id uuid, site text)
returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  if exists (select from taskledger.events e where e.site = require_new_id.site and e.task_id = require_new_id.task_id) then
    raise exception using errcode = 'TL013', message = format(
      'Expected an id no task has; found %s, which is taken. Leave the id out, or give a key to submit the same task twice; nothing was recorded.',
      require_new_id.task_id);
  end if;
  return true;
end $$;
