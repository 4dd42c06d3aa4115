-- Admits a decision about a realm: takes the realm's lock in shared mode and returns the site and the epoch in force.
-- Every function that appends a decision begins with it. A hand-over commits the `draining` state, then takes the lock
-- exclusively: whoever came before has committed by then, whoever comes after is refused here (I9).
--
-- Locks:    pg_advisory_xact_lock_shared(realm), held until the caller's transaction ends; in a REPEATABLE READ or
--           SERIALIZABLE one the row of realms too, FOR SHARE.
-- Index:    site (one row), realms_pkey.
-- Measured: 12 us per call. A plain read of `realms` let a decision commit after the release, with a smaller seq; FOR KEY
--           SHARE on the row closes that too, but leaves one MultiXact per transaction.
create or replace function taskledger.enter_realm(wanted text default null, out site text, out realm text, out epoch int)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_owner text;
  v_state text;
begin
  select s.name, coalesce(wanted, s.name), pg_advisory_xact_lock_shared(hashtextextended('taskledger.realm.' || coalesce(wanted, s.name), 0))
    into site, realm from taskledger.site s;
  if site is null then
    raise exception using errcode = 'TL009',
      message = 'Expected a database that carries a site name; found none. Run: taskledger migrate.';
  end if;
  if current_setting('transaction_isolation') <> 'read committed' then
    -- There the snapshot is the transaction's and older than the lock: a row that changed since then is refused (40001).
    perform from taskledger.realms r where r.realm = enter_realm.realm for share;
  end if;
  -- Its own statement, hence a snapshot taken after the lock was granted.
  select r.owner, r.state, r.epoch into v_owner, v_state, epoch from taskledger.realms r where r.realm = enter_realm.realm;
  if v_owner is distinct from site or v_state is distinct from 'open' then
    raise exception using errcode = 'TL006',
      message = format('Expected realm %s to be open and owned by site %s; found %s. Send the command to the realm''s owner, or again once the hand-over is done.',
                       realm, site, coalesce('owner ' || v_owner || ', state ' || v_state, 'no such realm'));
  end if;
end $$;
