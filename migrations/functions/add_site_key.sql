-- Makes a public key known as one of this site's: from now on its blocks may be signed with it. Keys are never removed, so
-- that blocks sealed with an older one still verify. Recorded as site.key_added. Answers whether the key is new.
--
-- Locks:    enter_realm.
-- Index:    site_keys_pkey.
-- Measured: 0.1 ms.
create or replace function taskledger.add_site_key(public_key bytea)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_key_id text;
  v_realm record;
begin
  if public_key is null or octet_length(public_key) <> 32 then
    raise exception using errcode = 'TL002',
      message = format('Expected the 32 bytes of an Ed25519 public key; found %s bytes. Run: taskledger site init.', coalesce(octet_length(public_key), 0));
  end if;
  v_key_id := left(encode(sha256(public_key), 'hex'), 32);
  select * into v_realm from taskledger.enter_realm();
  insert into taskledger.site_keys (site, key_id, public_key, added_at) values (v_realm.site, v_key_id, add_site_key.public_key, v_now)
  on conflict do nothing;
  if not found then return false; end if;
  insert into taskledger.events (site, seq, realm, epoch, type, occurred_at, actor, data)
  values (v_realm.site, nextval('taskledger.event_seq'), v_realm.realm, v_realm.epoch, 'site.key_added', v_now, session_user,
          ('{"name":"' || v_realm.site || '","key_id":"' || v_key_id || '","public_key":"' || encode(add_site_key.public_key, 'hex') || '"}')::json);
  return true;
end $$;
