-- Whether this site has these events of a stream, durably: what was applied here without waiting for the disk is flushed by
-- this commit. True is a promise; false means "not yet", or never for a stream that a takeover has closed.
-- A confirmed LSN would promise nothing: after a recreated slot, a missing refresh or a quarantine the row is not here.
--
-- Locks:    the row of streams FOR SHARE, which a takeover's seal waits for.
-- Index:    the stream's primary key.
-- Measured: 0.3 ms plus the flush.
create or replace function taskledger.acknowledge(stream text, seqs bigint[])
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_there bigint;
begin
  perform set_config('synchronous_commit', 'on', true);
  perform from taskledger.streams s where s.site = stream and not s.sealed for share;
  if not found then return false; end if;
  -- A statement of its own: its snapshot is newer than the lock.
  select count(distinct e.seq) into v_there from taskledger.events e where e.site = stream and e.seq = any (seqs);
  return v_there = (select count(distinct x) from unnest(seqs) x);
end $$;
