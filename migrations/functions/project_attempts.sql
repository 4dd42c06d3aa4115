-- Reads blocks of one stream into a slot of `attempts` alone, and moves its cursor over them; see project_tasks.
--
-- Locks:    move_cursor; then project_blocks.
-- Index:    those of project_blocks.
-- Measured: `npm run bench -- projections`.
create or replace function taskledger.project_attempts(slot text, site text, from_block bigint, to_block bigint)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_expected constant bigint := taskledger.move_cursor('attempts', slot, site, from_block, to_block);
begin
  if v_expected is null then return null; end if;
  return taskledger.project_blocks(site, from_block, to_block, v_expected, attempts => slot);
end $$;
