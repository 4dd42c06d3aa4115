-- What a runner can run, as `claim` reads it: the names, the pins ('' for none) and what is recorded of each in lease events, as members
-- of a JSON object, each after a comma. Every site reads those back: only what the event's schema says is let through.
--
-- Locks:    none.
-- Index:    none.
-- Measured: 40 us for two offers.
create or replace function taskledger.read_offers(offers json, out names text[], out pins text[], out leased text[])
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_read boolean := false;
  v_wrong text;
begin
  -- Not even read with a lone surrogate in it.
  if json_typeof(offers) = 'array' and (strpos(offers::text, '\u') = 0 or pg_input_is_valid(offers::text, 'jsonb')) then
    v_read := true;
    select array_agg(o.name), array_agg(coalesce(o.pin, '')),
           array_agg(concat(',"plugin":' || (o.leased -> 'plugin')::text, ',"manifest_digest":' || (o.leased -> 'manifest_digest')::text,
                            ',"limits":' || (o.leased -> 'limits')::text)),
           min(o.name) filter (where o.leased is not null and not (
             json_typeof(o.leased) = 'object' and o.leased::text is json with unique keys
             and not exists (select from json_each(case json_typeof(o.leased) when 'object' then o.leased end) m
                              where json_typeof(m.value) is distinct from case m.key when 'plugin' then 'string' when 'manifest_digest' then 'string'
                                                                          when 'limits' then 'object' end)))
      into names, pins, leased, v_wrong
      from json_to_recordset(offers) as o(name text, pin text, leased json);
  end if;
  if not v_read or v_wrong is not null or array_position(names, null) is not null then
    raise exception using errcode = 'TL002', message = format(
      'Expected offers to be an array of {"name", "pin", "leased": {"plugin": text, "manifest_digest": text, "limits": object}}; found %s. Correct the call.',
      coalesce('another leased for ' || left(v_wrong, 60), 'something else'));
  end if;
end $$;
