-- Returns a reason that can stand in the history as it was given, null included: 1 to 2000 characters, of the control
-- characters only line breaks and tabs. The limit is that of src/events/limits.ts.
--
-- Locks:    none.
-- Index:    none.
-- Measured: within the request_* functions and resolve(), which call it once.
create or replace function taskledger.require_reason(reason text)
returns text
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if reason is not null and (btrim(reason) = '' or length(reason) > 2000 or reason ~ '[\x01-\x08\x0b-\x1f\x7f]') then
    raise exception using errcode = 'TL002', message =
      'Expected the reason to be 1 to 2000 characters of text without control characters; found something else. Correct it and send the request again; nothing was recorded.';
  end if;
  return reason;
end $$;
