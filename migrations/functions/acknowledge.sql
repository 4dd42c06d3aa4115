-- Which of these events of a stream this site has, as their own site has them (`leaves`: their leaf hashes there), durably:
-- what was applied here without waiting for the disk is flushed by this commit. Answers their places in `seqs`, from 1. What is
-- answered is a promise; what is not is "not yet", or never for a stream that a takeover has closed.
-- A confirmed LSN would promise nothing: after a recreated slot, a missing refresh or a quarantine the row is not here. Nor
-- would a row under this seq: while the true one is in quarantine, it is another one.
--
-- Locks:    the row of streams FOR SHARE, which a takeover's seal waits for.
-- Index:    the stream's primary key.
-- Measured: with its round trip, on a busy 2-core machine: 0.6 ms for one event, 6 ms for 500; 0.5 and 1.8 ms where none of
--           them is here. Plus the flush.
create or replace function taskledger.acknowledge(stream text, seqs bigint[], leaves bytea[])
returns table ("position" int)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform set_config('synchronous_commit', 'on', true);
  -- What a site that was restored from a backup has sealed, it does not know yet.
  if exists (select from taskledger.realms r join taskledger.site s on s.name = r.owner where r.state = 'recovering') then return; end if;
  perform from taskledger.streams s where s.site = stream and not s.sealed for share;
  if not found then return; end if;
  -- A statement of its own: its snapshot is newer than the lock.
  return query
  select a.place::int
    from unnest(acknowledge.seqs, acknowledge.leaves) with ordinality a(seq, leaf, place)
    join taskledger.leaves(acknowledge.stream, acknowledge.seqs) here on here.seq = a.seq and here.leaf = a.leaf;
end $$;
