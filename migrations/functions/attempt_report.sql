-- The part of an attempt's report that enters its event, as `,"key":value…`. Only the keys named
-- here are taken, so that a runner cannot write over what the ledger itself records.
--
-- Locks:    none.
-- Index:    none.
-- Measured: 1 us; `settle` does not call it without a report.
create or replace function taskledger.attempt_report(report json)
returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return
  coalesce(',"exit_code":' || (report ->> 'exit_code')::int, '')
  || coalesce(',"exit_signal":' || to_json(left(report ->> 'exit_signal', 20))::text, '')
  || coalesce(',"killed":' || to_json(left(report ->> 'killed', 10))::text, '')
  || coalesce(',"usage":' || case when json_typeof(report -> 'usage') = 'object' then json_strip_nulls(json_build_object('cpu_ms', (report -> 'usage' ->> 'cpu_ms')::bigint,
                               'max_rss_bytes', (report -> 'usage' ->> 'max_rss_bytes')::bigint))::text end, '')
  || coalesce(',"log_tail":' || case when json_typeof(report -> 'log_tail') = 'array' then (report -> 'log_tail')::text end, '');
