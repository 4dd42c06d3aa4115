-- Stops every decision of this site, because a peer has a block of it that this site sealed and has not: it was restored from
-- an older state. The caller has checked the block's signature. False when the block is here after all: a tick whose commit
-- waits for a standby is at the peers before it can be seen here.
--
-- Locks:    pg_advisory_xact_lock of sealing: null when a tick holds it just now; then pg_advisory_xact_lock(realm) of every realm of
--           this site, exclusively: whoever decides has finished.
-- Index:    blocks_pkey.
-- Measured: 0.1 ms, plus the wait for transactions that append.
create or replace function taskledger.begin_recovery(block bigint, hash bytea)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '10s'
as $$
begin
  if not pg_try_advisory_xact_lock(hashtextextended('taskledger.sealing', 0)) then return null; end if;
  -- Its own statement, hence a snapshot taken after the lock was granted.
  if exists (select from taskledger.blocks b join taskledger.site s on s.name = b.site
              where b.number = begin_recovery.block and b.hash = begin_recovery.hash) then
    return false;
  end if;
  perform pg_advisory_xact_lock(hashtextextended('taskledger.realm.' || r.realm, 0))
     from (select r.realm from taskledger.realms r join taskledger.site s on s.name = r.owner order by r.realm) r;
  update taskledger.realms r set state = 'recovering' from taskledger.site s where s.name = r.owner and r.state = 'open';
  return true;
end $$;
