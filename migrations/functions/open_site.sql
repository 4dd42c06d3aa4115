-- Names the site this database is, for ever, and opens its stream and its first realm, which has the same name. Answers
-- the site's name: the given one the first time, whatever it was named before ever after.
-- Called by `taskledger migrate` with the owner's own rights; no role may execute it.
--
-- Locks:    the one row of site: a second caller waits for the first one's transaction. The first call makes a partition
--           of events (ACCESS EXCLUSIVE, while nobody can have written there).
-- Index:    site_pkey.
-- Measured: 5 ms the first time, 0.1 ms afterwards, on top of the round trip.
create or replace function taskledger.open_site(wanted text default null)
returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := coalesce(wanted, 'local');
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
begin
  if v_name !~ '^[a-z][a-z0-9-]{0,29}$' then
    raise exception using errcode = 'TL002',
      message = format('Expected a site name of at most 30 small letters, digits and -, beginning with a letter; found %L. Choose another name.', left(v_name, 60));
  end if;
  insert into taskledger.site (name) values (v_name) on conflict do nothing;
  if not found then
    select s.name into v_name from taskledger.site s;
    return v_name;
  end if;
  perform taskledger.create_stream(v_name, true);
  insert into taskledger.streams (site, own) values (v_name, true);
  insert into taskledger.realms (realm, epoch, owner, state) values (v_name, 1, v_name, 'open');
  insert into taskledger.events (site, seq, realm, epoch, type, occurred_at, actor, data)
  values (v_name, nextval('taskledger.event_seq'), v_name, 1, 'site.opened', v_now, session_user,
          ('{"name":"' || v_name || '","incarnation":1}')::json);
  insert into taskledger.events (site, seq, realm, epoch, type, occurred_at, actor, data)
  values (v_name, nextval('taskledger.event_seq'), v_name, 1, 'realm.opened', v_now, session_user,
          ('{"realm":"' || v_name || '","owner":"' || v_name || '"}')::json);
  return v_name;
end $$;
