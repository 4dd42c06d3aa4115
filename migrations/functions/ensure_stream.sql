-- Sees to it that a received stream has its table, with its gate open: one that was taken away is made anew, empty, and
-- replication into it begins afresh, since a subscription skips tables it did not know. What had been in it is found missing
-- by checking again, and repaired on command. Answers whether it was made.
--
-- Locks:    pg_advisory_xact_lock of the membership and SHARE UPDATE EXCLUSIVE on events, only when it is made.
-- Index:    streams_pkey.
-- Measured: 0.05 ms when it is there; 5 ms when it is made.
create or replace function taskledger.ensure_stream(stream text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_leaf constant text := format('taskledger.%I', 'events_' || replace(stream, '-', '_'));
begin
  if to_regclass(v_leaf) is not null then return false; end if;
  perform pg_advisory_xact_lock(hashtextextended('taskledger.membership', 0));
  if to_regclass(v_leaf) is not null then return false; end if;
  if not exists (select from taskledger.streams s where s.site = stream and not s.own) then
    raise exception using errcode = 'TL051', message = format('Expected a received stream; found %L. Run: taskledger site add.', left(stream, 60));
  end if;
  perform taskledger.create_stream(stream, false);
  perform taskledger.add_gate(stream);
  perform taskledger.unsubscribe(stream);
  return true;
end $$;
