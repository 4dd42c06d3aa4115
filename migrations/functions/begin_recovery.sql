-- Stops every decision of this site, because a peer knows more of its stream than it does itself: it was restored from an
-- older state. Answers whether that is new.
--
-- Locks:    pg_advisory_xact_lock(realm) of every realm of this site, exclusively: whoever decides has finished.
-- Index:    none.
-- Measured: 0.1 ms, plus the wait for transactions that append.
create or replace function taskledger.begin_recovery()
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '10s'
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('taskledger.realm.' || r.realm, 0))
     from (select r.realm from taskledger.realms r join taskledger.site s on s.name = r.owner order by r.realm) r;
  update taskledger.realms r set state = 'recovering' from taskledger.site s where s.name = r.owner and r.state = 'open';
  return found;
end $$;
