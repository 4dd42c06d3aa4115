-- Refuses outputs, errors and checkpoints that are too large, too deep, or hold what cannot be read back. Only the suspicious
-- ones, by the same cheap signs as in submit_many(), get the exact check.
--
-- Locks:    none.
-- Index:    none.
-- Measured: 50 us for each of 1 kB. `settle` does not call it for a few small outputs.
create or replace function taskledger.require_payloads(payloads json[])
returns void
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_problem text;
begin
  select taskledger.payload_problem(p.payload::text) into v_problem
    from unnest(payloads) p(payload)
   where case when octet_length(p.payload::text) <= 128 then strpos(p.payload::text, E'\\u') > 0
              else octet_length(p.payload::text) > 1048576 or strpos(p.payload::text, E'\\u') > 0
                   or octet_length(p.payload::text) - octet_length(translate(p.payload::text, '[{', '')) > 64 end
     and taskledger.payload_problem(p.payload::text) is not null
   limit 1;
  if found then
    raise exception using errcode = left(v_problem, 5),
      message = 'Expected each output, error and checkpoint to be ' || substr(v_problem, 7) || '. Correct it and send it again; nothing of this call was recorded.';
  end if;
end $$;
