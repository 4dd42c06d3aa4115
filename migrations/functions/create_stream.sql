-- Makes the table of a stream, with its indexes and the triggers that refuse changes. Made apart and then attached: made as a
-- partition at once it would lock all of events, and with them every submit behind whatever transaction is open just then.
--
-- Locks:    SHARE UPDATE EXCLUSIVE on events.
-- Index:    none.
-- Measured: 5 ms.
create or replace function taskledger.create_stream(stream text, own boolean)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  leaf constant text := 'events_' || replace(stream, '-', '_');
begin
  execute format('create table taskledger.%I (like taskledger.events including all)', leaf);
  execute format('alter table taskledger.events attach partition taskledger.%I for values in (%L)', leaf, stream);
  if own then
    execute format('create unique index %I on taskledger.%I (task_id, epoch, version)', leaf || '_version', leaf);
    execute format('create index %I on taskledger.%I (xid)', leaf || '_xid', leaf);
  else
    execute format('create index %I on taskledger.%I (task_id, epoch, version)', leaf || '_history', leaf);
  end if;
  execute format('create trigger refuse_change_row before update or delete on taskledger.%I
                    for each row execute function taskledger.refuse_change()', leaf);
  execute format('create trigger refuse_change before update or delete on taskledger.%I
                    for each statement execute function taskledger.refuse_change()', leaf);
  execute format('create trigger refuse_truncate before truncate on taskledger.%I
                    for each statement execute function taskledger.refuse_change()', leaf);
  execute format('alter table taskledger.%I enable always trigger refuse_change_row', leaf);
  execute format('alter table taskledger.%I enable always trigger refuse_change', leaf);
  execute format('alter table taskledger.%I enable always trigger refuse_truncate', leaf);
end $$;
