-- The SHA-256 of a secret its runner made, as it is stored. Refuses what is too short to be unguessable: 22 characters carry
-- 128 bits in base64url, 36 a UUID. The secret itself is in no message.
--
-- Locks:    none.
-- Index:    none.
-- Measured: within claim(), which calls it once.
create or replace function taskledger.secret_digest(secret text)
returns bytea
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if secret is null or length(secret) not between 22 and 200 then
    raise exception using errcode = 'TL002', message = format(
      'Expected a secret of 22 to 200 random characters; found %s. Make a new one for each call, such as a random UUID.',
      coalesce(length(secret) || ' characters', 'none'));
  end if;
  return sha256(convert_to(secret, 'UTF8'));
end $$;
