-- The bucket of a histogram a duration in milliseconds belongs to: itself below 32, above that a sixteenth of its octave.
-- Whole numbers only, so that every site gets the same. The way back: bucketMs in src/projections/queue-percentiles.ts.
--
-- Locks:    none.
-- Index:    none.
-- Measured: 1 us.
create or replace function taskledger.duration_bucket(ms bigint)
returns int
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_octaves int := 0;
  v_rest bigint := ms;
begin
  while v_rest >= 32 loop
    v_rest := v_rest >> 1;
    v_octaves := v_octaves + 1;
  end loop;
  return 16 * v_octaves + v_rest;
end $$;
