-- Reads blocks of one stream into a slot of `attempts`, and moves its cursor over them; see project_tasks. From when on a lease
-- could have been given (due_at) is in the decisions before it: never in a later block than the lease, since they were made
-- one after the other, so what is read of the log beside the blocks is the same whenever it is read.
--
-- Locks:    move_cursor; then the rows it writes, in task id order, which nobody else writes.
-- Index:    blocks_pkey, the stream's primary key for each run of members; (task_id, epoch, version) of the streams, from the
--           lease downwards, one row or two per lease; the primary key of the slot.
-- Measured: `npm run bench -- projections`.
create or replace function taskledger.project_attempts(slot text, site text, from_block bigint, to_block bigint)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_mergejoin = off
set work_mem = '64MB'
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_expected bigint;
  v_events bigint;
begin
  v_expected := taskledger.move_cursor('attempts', project_attempts.slot, project_attempts.site, project_attempts.from_block, project_attempts.to_block);
  if v_expected is null then return null; end if;
  with told as materialized (
    select e.task_id, e.epoch, e.version, e.type, e.occurred_at,
           case when e.type in ('task.leased', 'task.completed', 'task.failed', 'task.attempt_failed', 'task.lease_expired', 'task.lease_released',
                                'task.aborted', 'task.in_doubt') then e.data end as data
      from taskledger.blocks b
     cross join unnest(b.members) r(seqs)
     cross join lateral (select x.* from taskledger.events x
                          where x.site = project_attempts.site and x.seq >= lower(r.seqs) and x.seq < upper(r.seqs) offset 0) e
     where b.site = project_attempts.site and b.number between project_attempts.from_block and project_attempts.to_block
  ), begun as materialized (
    select t.task_id, t.epoch, t.version, d.*, t.occurred_at as leased_at, date_trunc('milliseconds', w.due_at) as due_at
      from told t
     cross join json_to_record(t.data) as d(attempt int, runner text, host text, plugin text)
     cross join lateral (
       select case p.type
                when 'task.submitted' then coalesce((p.data ->> 'start_after')::timestamptz, p.occurred_at)
                when 'task.rescheduled' then (p.data ->> 'start_after')::timestamptz
                when 'task.attempt_failed' then (p.data ->> 'retry_at')::timestamptz
                else coalesce((p.data ->> 'run_at')::timestamptz, p.occurred_at) end as due_at
         from taskledger.events p
        where p.task_id = t.task_id and (p.epoch, p.version) < (t.epoch, t.version)
          and (p.type in ('task.submitted', 'task.attempt_failed', 'task.lease_released', 'task.retried', 'task.lease_expired', 'task.resolved')
               or p.type = 'task.rescheduled' and p.data -> 'start_after' is not null)
        order by p.epoch desc, p.version desc
        limit 1) w
     where t.type = 'task.leased'
  ), ended as materialized (
    select t.task_id, (d.lease ->> 0)::int as epoch, (d.lease ->> 1)::int as version, date_trunc('milliseconds', d.started_at) as started_at,
           date_trunc('milliseconds', coalesce(d.finished_at, t.occurred_at)) as ended_at, substr(t.type, 6) as outcome, d.error ->> 'code' as error_code,
           (d.usage ->> 'cpu_ms')::float8 as cpu_ms, (d.usage ->> 'max_rss_bytes')::float8 as max_rss_bytes
      from told t
     cross join json_to_record(t.data) as d(lease json, started_at timestamptz, finished_at timestamptz, error json, usage json)
     -- Without a lease: failed or aborted before anybody began.
     where t.type <> 'task.leased' and t.data is not null and d.lease is not null
  ), written as (
    insert into taskledger.attempt_rows as x (slot, task_id, epoch, version, attempt, runner, host, plugin, due_at, leased_at,
                                              started_at, ended_at, outcome, error_code, cpu_ms, max_rss_bytes)
    select project_attempts.slot, coalesce(b.task_id, e.task_id), coalesce(b.epoch, e.epoch), coalesce(b.version, e.version), b.attempt, b.runner,
           b.host, b.plugin, b.due_at, b.leased_at, e.started_at, e.ended_at, e.outcome, e.error_code, e.cpu_ms, e.max_rss_bytes
      from begun b full join ended e on e.task_id = b.task_id and e.epoch = b.epoch and e.version = b.version
     order by 2, 3, 4
    on conflict (slot, task_id, epoch, version) do update set
      attempt = coalesce(x.attempt, excluded.attempt), runner = coalesce(x.runner, excluded.runner), host = coalesce(x.host, excluded.host),
      plugin = coalesce(x.plugin, excluded.plugin), due_at = coalesce(x.due_at, excluded.due_at),
      leased_at = coalesce(x.leased_at, excluded.leased_at), started_at = coalesce(x.started_at, excluded.started_at),
      ended_at = coalesce(x.ended_at, excluded.ended_at), outcome = coalesce(x.outcome, excluded.outcome),
      error_code = coalesce(x.error_code, excluded.error_code), cpu_ms = coalesce(x.cpu_ms, excluded.cpu_ms),
      max_rss_bytes = coalesce(x.max_rss_bytes, excluded.max_rss_bytes)
  )
  select count(*) into v_events from told;
  perform taskledger.require_events(project_attempts.site, project_attempts.from_block, project_attempts.to_block, v_expected, v_events);
  return v_events;
end $$;
