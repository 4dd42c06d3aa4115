-- Makes the sealer start over in a cluster whose transaction ids have nothing to do with those of its events: after a dump
-- was restored, or the database moved. Events there are take part as "in no block yet", later ones by transaction id again.
--
-- Locks:    pg_advisory_xact_lock(realm) of every realm of this site, exclusively: whoever appends has finished, and whoever
--           comes later draws a larger seq. Then the row of sealing.
-- Index:    none.
-- Measured: 0.1 ms, plus the wait for transactions that append.
create or replace function taskledger.restart_sealing()
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('taskledger.realm.' || r.realm, 0))
     from (select r.realm from taskledger.realms r join taskledger.site s on s.name = r.owner order by r.realm) r;
  update taskledger.sealing s
     set snapshot = null, foreign_until = nextval('taskledger.event_seq')
   where s.snapshot is null or pg_snapshot_xmax(s.snapshot) > pg_snapshot_xmax(pg_current_snapshot());
end $$;
