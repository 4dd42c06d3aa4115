-- Reads blocks of one stream into the live slot of a projection, and of every other projection that stands at the same block and
-- that nobody else is reading for: the events are read and parsed once for all of them. Answers the projections whose cursors
-- moved, with the events read; none when the first one's cursor is not there, or another projector holds it.
-- An error of any of them is an error of all: whoever calls this then projects one alone. Nobody is waited for longer than 1 s.
--
-- Locks:    the rows of cursors, none of which is waited for; then project_blocks.
-- Index:    projections_pkey, cursors_pkey; those of project_blocks.
-- Measured: with project_blocks, `npm run bench -- projections`.
create or replace function taskledger.project_together(projection text, site text, from_block bigint, to_block bigint)
returns table (projected text, events bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set lock_timeout = '1s'
as $$
#variable_conflict use_column
declare
  v_slots jsonb := '{}';
  v_cursor record;
  v_events bigint;
begin
  for v_cursor in
    select c.projection, c.slot
      from taskledger.cursors c join taskledger.projections p on p.name = c.projection and p.live = c.slot
     where c.site = project_together.site and c.block = project_together.from_block - 1
       and c.projection in ('tasks', 'attempts', 'queue_minutes', 'incidents')
     -- Its own first: without it the others are left to whoever has it.
     order by c.projection <> project_together.projection
       for no key update of c skip locked
  loop
    if v_slots = '{}' and v_cursor.projection <> project_together.projection then return; end if;
    v_slots := v_slots || jsonb_build_object(v_cursor.projection, v_cursor.slot);
    v_events := taskledger.move_cursor(v_cursor.projection, v_cursor.slot, project_together.site, project_together.from_block, project_together.to_block);
  end loop;
  if v_slots = '{}' then return; end if;
  v_events := taskledger.project_blocks(project_together.site, project_together.from_block, project_together.to_block, v_events,
    v_slots ->> 'tasks', v_slots ->> 'attempts', v_slots ->> 'queue_minutes', v_slots ->> 'incidents');
  return query select s.key, v_events from jsonb_each_text(v_slots) s;
end $$;
