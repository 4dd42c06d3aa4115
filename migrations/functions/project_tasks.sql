-- Reads blocks of one stream into a slot of `tasks` alone, and moves its cursor over them. Answers the events read; null when
-- another projector has read them, or is about to.
--
-- Locks:    move_cursor; then project_blocks.
-- Index:    those of project_blocks.
-- Measured: `npm run bench -- projections`.
create or replace function taskledger.project_tasks(slot text, site text, from_block bigint, to_block bigint)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_expected constant bigint := taskledger.move_cursor('tasks', slot, site, from_block, to_block);
begin
  if v_expected is null then return null; end if;
  return taskledger.project_blocks(site, from_block, to_block, v_expected, tasks => slot);
end $$;
