-- Sends lines of an attempt's log to those who watch its task, and stores nothing. `lines` is a JSON array of texts, the
-- first of which has the number `first` in the attempt. Answers `told`, `later` (the last ones were sent less than 100 ms
-- ago: nothing was sent), `nobody` (nobody watches any more) or `lost` (the task is not held by this claim, or not with this
-- secret). What comes on the channels: {"lease":[epoch, version],"attempt":…,"first":…,"lines":[…]}, less than 8000 bytes.
--
-- Locks:    the task's rows of watches.
-- Index:    open_tasks_pkey, claims_pkey, watches_pkey.
-- Measured: 0.12 ms, whether somebody watches or not; a few calls a second for each attempt that is watched.
create or replace function taskledger.report_log(claim_id bigint, secret text, task_id uuid, first int, lines json)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_task record;
  v_payload text;
  v_watcher uuid;
  v_told boolean := false;
begin
  select t.lease_epoch, t.lease_version, t.attempt into v_task
    from taskledger.open_tasks t
    join taskledger.claims c on c.claim_id = t.claim_id and c.secret_digest = sha256(convert_to(report_log.secret, 'UTF8'))
   where t.task_id = report_log.task_id and t.claim_id = report_log.claim_id;
  if not found then return 'lost'; end if;
  v_payload := '{"lease":[' || v_task.lease_epoch || ',' || v_task.lease_version || '],"attempt":' || v_task.attempt
    || ',"first":' || report_log.first || ',"lines":' || report_log.lines::text || '}';
  if json_typeof(report_log.lines) is distinct from 'array' or report_log.first is null or octet_length(v_payload) >= 8000 then
    raise exception using errcode = 'TL002', message = format(
      'Expected the number of the first line, and a JSON array of lines of less than 7900 bytes in all; found %s. Send less at a time.',
      coalesce(json_typeof(report_log.lines) || ' of ' || octet_length(report_log.lines::text) || ' bytes', 'null'));
  end if;
  for v_watcher in
    update taskledger.watches w set reported_at = v_now
     where w.task_id = report_log.task_id and w.until > v_now
       and (w.reported_at is null or w.reported_at <= v_now - interval '100 milliseconds')
    returning w.watcher
  loop
    v_told := true;
    perform pg_notify('taskledger_log_' || replace(v_watcher::text, '-', ''), v_payload);
  end loop;
  return case when v_told then 'told'
              when exists (select from taskledger.watches w where w.task_id = report_log.task_id and w.until > v_now) then 'later'
              else 'nobody' end;
end $$;
