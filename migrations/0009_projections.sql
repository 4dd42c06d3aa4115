-- Projecting reads each block once for all projections. What they read out of an event's `data` has a type of its own per kind of
-- event: json_populate_record takes all of it in one reading of the text, where each `->>` would be one more.

create type taskledger.told_submission as (
  name text, queue text, "group" text, key text, priority smallint, start_after timestamptz, start_before timestamptz, deadline timestamptz);

-- Of a lease and of its completion: two of the three events of most tasks.
create type taskledger.told_run as (
  attempt int, runner text, host text, plugin text, lease int[], started_at timestamptz, finished_at timestamptz, usage json);

create type taskledger.told_other as (
  priority smallint, start_after timestamptz, attempt int, lease int[], started_at timestamptz, finished_at timestamptz, usage json,
  retry_at timestamptz, run_at timestamptz, error json, fraction float8, message text, next text, outcome text, why text,
  kind text, summary text, resolution text, incident json);
