-- Reads blocks of one stream into a slot of `queue_minutes`, and moves its cursor over them; see project_tasks. Queue and name
-- of a task, and from when on a lease could have been given, are in decisions made before: never in a later block.
--
-- Locks:    move_cursor; then the rows it writes, in the order of their keys, which nobody else writes.
-- Index:    blocks_pkey, the stream's primary key for each run of members; (task_id, epoch, version) of the streams for each
--           event that counts; the primary keys of the slot.
-- Measured: `npm run bench -- projections`.
create or replace function taskledger.project_queue_minutes(slot text, site text, from_block bigint, to_block bigint)
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
  v_expected := taskledger.move_cursor('queue_minutes', project_queue_minutes.slot, project_queue_minutes.site, project_queue_minutes.from_block, project_queue_minutes.to_block);
  if v_expected is null then return null; end if;
  with told as materialized (
    select e.task_id, e.epoch, e.version, e.type, e.occurred_at, date_trunc('minute', e.occurred_at) as minute,
           case when e.type in ('task.completed', 'task.failed', 'task.attempt_failed', 'task.lease_expired', 'task.resolved', 'task.submitted') then e.data end as data
      from taskledger.blocks b
     cross join unnest(b.members) r(seqs)
     cross join lateral (select x.* from taskledger.events x
                          where x.site = project_queue_minutes.site and x.seq >= lower(r.seqs) and x.seq < upper(r.seqs) offset 0) e
     where b.site = project_queue_minutes.site and b.number between project_queue_minutes.from_block and project_queue_minutes.to_block
  ), of_task as materialized (
    -- Once per task, however many of its events are here.
    select w.task_id, s.data ->> 'queue' as queue, s.data ->> 'name' as name
      from (select distinct t.task_id from told t
             where t.type in ('task.submitted', 'task.leased', 'task.completed', 'task.failed', 'task.aborted', 'task.missed', 'task.in_doubt',
                              'task.retried', 'task.attempt_failed', 'task.lease_expired', 'task.resolved')) w
      join taskledger.events s on s.task_id = w.task_id and s.version = 1
  ), counted as materialized (
    select k.queue, k.name, t.minute, t.type, coalesce(t.data ->> 'next', t.data ->> 'outcome') as became,
           case t.type
             when 'task.leased' then extract(epoch from t.occurred_at - w.due_at) * 1000
             when 'task.completed' then extract(epoch from (t.data ->> 'finished_at')::timestamptz - (t.data ->> 'started_at')::timestamptz) * 1000
             when 'task.failed' then extract(epoch from (t.data ->> 'finished_at')::timestamptz - (t.data ->> 'started_at')::timestamptz) * 1000
             when 'task.attempt_failed' then extract(epoch from (t.data ->> 'finished_at')::timestamptz - (t.data ->> 'started_at')::timestamptz) * 1000
           end as ms
      from told t
      join of_task k on k.task_id = t.task_id
      left join lateral (
        select case p.type
                 when 'task.submitted' then coalesce((p.data ->> 'start_after')::timestamptz, p.occurred_at)
                 when 'task.rescheduled' then (p.data ->> 'start_after')::timestamptz
                 when 'task.attempt_failed' then (p.data ->> 'retry_at')::timestamptz
                 else coalesce((p.data ->> 'run_at')::timestamptz, p.occurred_at) end as due_at
          from taskledger.events p
         where t.type = 'task.leased' and p.task_id = t.task_id and (p.epoch, p.version) < (t.epoch, t.version)
           and (p.type in ('task.submitted', 'task.attempt_failed', 'task.lease_released', 'task.retried', 'task.lease_expired', 'task.resolved')
                or p.type = 'task.rescheduled' and p.data -> 'start_after' is not null)
         order by p.epoch desc, p.version desc
         limit 1) w on true
  ), minutes as (
    insert into taskledger.queue_minute_rows as x (slot, queue, name, minute, submitted, started, completed, failed, aborted, missed, in_doubt,
                                                   retried, attempts_lost, attempts_failed)
    select project_queue_minutes.slot, c.queue, c.name, c.minute,
           count(*) filter (where c.type = 'task.submitted'),
           count(*) filter (where c.type = 'task.leased'),
           count(*) filter (where c.type = 'task.completed' or c.type = 'task.resolved' and c.became = 'completed'),
           count(*) filter (where c.type = 'task.failed' or c.type in ('task.resolved', 'task.lease_expired') and c.became = 'failed'),
           count(*) filter (where c.type = 'task.aborted'),
           count(*) filter (where c.type = 'task.missed'),
           count(*) filter (where c.type = 'task.in_doubt' or c.type = 'task.lease_expired' and c.became = 'in_doubt'),
           count(*) filter (where c.type = 'task.retried'),
           count(*) filter (where c.type = 'task.lease_expired'),
           count(*) filter (where c.type = 'task.attempt_failed')
      from counted c
     group by c.queue, c.name, c.minute
     order by c.queue, c.name, c.minute
    on conflict (slot, queue, name, minute) do update set
      submitted = x.submitted + excluded.submitted, started = x.started + excluded.started, completed = x.completed + excluded.completed,
      failed = x.failed + excluded.failed, aborted = x.aborted + excluded.aborted, missed = x.missed + excluded.missed,
      in_doubt = x.in_doubt + excluded.in_doubt, retried = x.retried + excluded.retried,
      attempts_lost = x.attempts_lost + excluded.attempts_lost, attempts_failed = x.attempts_failed + excluded.attempts_failed
  ), durations as (
    insert into taskledger.queue_duration_rows as x (slot, queue, name, minute, what, bucket, counted)
    select project_queue_minutes.slot, d.queue, d.name, d.minute, d.what, taskledger.duration_bucket(d.ms), sum(d.n)
      from (select c.queue, c.name, c.minute, case c.type when 'task.leased' then 'wait' else 'run' end as what,
                   greatest(floor(c.ms), 0)::bigint as ms, count(*) as n
              from counted c where c.ms is not null
             group by 1, 2, 3, 4, 5) d
     group by 2, 3, 4, 5, 6
     order by 2, 3, 4, 5, 6
    on conflict (slot, queue, name, minute, what, bucket) do update set counted = x.counted + excluded.counted
  )
  select count(*) into v_events from told;
  perform taskledger.require_events(project_queue_minutes.site, project_queue_minutes.from_block, project_queue_minutes.to_block, v_expected, v_events);
  return v_events;
end $$;
