-- Takes events out of a stream whose place belongs to others, and keeps them in quarantine; `reported`: an incident tells of
-- them already. For repairs only, which say by the blocks what is right; no role may execute it.
--
-- Locks:    SHARE ROW EXCLUSIVE on the leaf; the caller holds pg_advisory_xact_lock(stream).
-- Index:    the stream's primary key.
-- Measured: with `npm run bench -- replication --parts repair`.
create or replace function taskledger.displace_events(stream text, seqs bigint[], reported boolean)
returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_leaf constant text := 'events_' || replace(stream, '-', '_');
begin
  if coalesce(cardinality(seqs), 0) = 0 then return; end if;
  execute format('alter table taskledger.%I disable trigger user', v_leaf);
  execute format('with gone as (delete from taskledger.%I e where e.seq = any ($1) returning e.*)
                  insert into taskledger.quarantine (site, what, place, content, received_at, reported)
                  select $2, ''event'', g.seq, row_to_json(g), date_trunc(''milliseconds'', clock_timestamp()), $3 from gone g', v_leaf)
    using seqs, stream, reported;
  execute format('alter table taskledger.%I enable always trigger refuse_change_row, enable always trigger refuse_change, enable always trigger refuse_truncate', v_leaf);
  -- Left closed; it opens when replication is past what was repaired.
  if stream <> (select s.name from taskledger.site s) then perform taskledger.close_gate(stream, true); end if;
end $$;
