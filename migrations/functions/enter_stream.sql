-- Admits a record in the own stream that decides nothing, such as a request about a task another site owns. Answers the name
-- of this site. One that is getting its own stream back takes none: the seq might be known elsewhere.
--
-- Locks:    pg_advisory_xact_lock_shared of the realm that is named after the site, as enter_realm() does.
-- Index:    site (one row), realms by sequence: it has a handful of rows.
-- Measured: within append_request.
create or replace function taskledger.enter_stream()
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_site text;
begin
  select s.name into v_site from taskledger.site s;
  perform pg_advisory_xact_lock_shared(hashtextextended('taskledger.realm.' || v_site, 0));
  -- Its own statement, hence a snapshot taken after the lock was granted.
  if exists (select from taskledger.realms r where r.owner = v_site and r.state = 'recovering') then
    raise exception using errcode = 'TL006',
      message = format('Expected site %s to have its own stream; found it recovering. Send the command again once it has its stream back.', v_site);
  end if;
  return v_site;
end $$;
