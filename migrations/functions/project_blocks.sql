-- Reads blocks of one stream once, and writes what they come to into the slots that are named; a projection whose slot is null is
-- left out, and nothing is computed for it. Its callers have moved the cursors over these blocks, which have `expected` events.
-- Answers the events read.
--
-- The rows of a task keep the places (epoch << 32 | version) of the events that say what each group of columns is. Most tasks of a
-- range were only submitted, leased once and completed (`plain`): one aggregate finds their row. The others (`marked`) cost several
-- times as much. Read of the log beside the blocks: name, queue and start of a task, and from when on a lease could have been given
-- (due_at). They are in decisions made before, never in a later block: the same whenever they are read.
--
-- Locks:    the rows it writes, each table in the order of its keys.
-- Index:    blocks_pkey, the stream's primary key for each run of members; (task_id, epoch, version) of the streams, once per lease
--           after the first, and where `tasks` is left out once per task that was submitted before; the primary keys of the slots.
-- Measured: `npm run bench -- projections`.
create or replace function taskledger.project_blocks(site text, from_block bigint, to_block bigint, expected bigint, tasks text default null,
                                                     attempts text default null, queue_minutes text default null, incidents text default null)
returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_nestloop = off
set enable_mergejoin = off
set work_mem = '64MB'
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_events bigint;
begin
  with told as materialized (
    select e.site, e.seq, e.task_id, e.epoch, e.version, e.epoch::bigint << 32 | e.version as place, e.type, e.realm, e.occurred_at, e.actor,
           case when e.context is null then 0 else coalesce(json_array_length(e.context -> 'answers'), 0) end as answers, e.s, e.r, e.o
      from taskledger.blocks b
     cross join unnest(b.members) r(seqs)
     -- By index for each run of members, whatever the planner thinks of their number.
     cross join lateral (
       select x.*,
              case when x.type = 'task.submitted' then json_populate_record(null::taskledger.told_submission, x.data) end as s,
              case when x.type in ('task.leased', 'task.completed') then json_populate_record(null::taskledger.told_run, x.data) end as r,
              case when x.type not in ('task.submitted', 'task.leased', 'task.completed')
                   then json_populate_record(null::taskledger.told_other, x.data) end as o
         from taskledger.events x
        where x.site = project_blocks.site and x.seq >= lower(r.seqs) and x.seq < upper(r.seqs) offset 0) e
     where b.site = project_blocks.site and b.number between project_blocks.from_block and project_blocks.to_block

  -- tasks
  ), lives as materialized (
    select t.task_id, sum(t.answers) as answers,
           count(*) filter (where t.type not in ('task.submitted', 'task.leased', 'task.completed')) as others,
           count(*) filter (where t.type = 'task.leased') as leases, count(*) filter (where t.type = 'task.completed') as completions,
           -- Of a plain task at most one passes each filter.
           any_value(t.s) filter (where t.type = 'task.submitted') as s, any_value(t.realm) filter (where t.type = 'task.submitted') as realm,
           any_value(t.occurred_at) filter (where t.type = 'task.submitted') as submitted_at,
           any_value(t.place) filter (where t.type = 'task.submitted') as submitted_place,
           any_value(t.r) filter (where t.type = 'task.leased') as l, any_value(t.occurred_at) filter (where t.type = 'task.leased') as leased_at,
           any_value(t.place) filter (where t.type = 'task.leased') as leased_place,
           any_value(t.r) filter (where t.type = 'task.completed') as c, any_value(t.occurred_at) filter (where t.type = 'task.completed') as completed_at,
           any_value(t.place) filter (where t.type = 'task.completed') as completed_place
      from told t
     where project_blocks.tasks is not null and t.task_id is not null
     group by t.task_id
  ), plain as (
    select p.*, greatest(p.submitted_place, p.leased_place, p.completed_place) as last_place
      from lives p where p.others = 0 and p.leases <= 1 and p.completions <= 1
  ), eventful as materialized (
    select t.task_id, t.place, t.type, t.realm, t.occurred_at, t.answers, t.s, coalesce((t.r).attempt, (t.o).attempt) as attempt,
           (t.r).runner, (t.r).plugin, coalesce((t.s).priority, (t.o).priority) as priority, coalesce((t.r).finished_at, (t.o).finished_at) as finished_at,
           (t.o).fraction, (t.o).message,
           case t.type
             when 'task.leased' then 'leased'
             when 'task.completed' then 'completed'
             when 'task.submitted' then 'pending'
             when 'task.attempt_failed' then 'pending'
             when 'task.failed' then 'failed'
             when 'task.lease_expired' then (t.o).next
             when 'task.lease_released' then 'pending'
             when 'task.aborted' then 'aborted'
             when 'task.missed' then 'missed'
             when 'task.in_doubt' then 'in_doubt'
             when 'task.retried' then 'pending'
             when 'task.resolved' then case (t.o).outcome when 'rerun' then 'pending' else (t.o).outcome end
           end as state,
           case t.type
             when 'task.submitted' then coalesce((t.s).start_after, t.occurred_at)
             when 'task.attempt_failed' then (t.o).retry_at
             when 'task.lease_released' then coalesce((t.o).run_at, t.occurred_at)
             when 'task.retried' then coalesce((t.o).run_at, t.occurred_at)
             when 'task.rescheduled' then (t.o).start_after
             when 'task.lease_expired' then case (t.o).next when 'pending' then coalesce((t.o).run_at, t.occurred_at) end
             when 'task.resolved' then case (t.o).outcome when 'rerun' then t.occurred_at end
           end as run_at,
           case t.type when 'task.lease_expired' then 'LEASE_EXPIRED' when 'task.in_doubt' then 'IN_DOUBT' else (t.o).error ->> 'code' end as error_code,
           left(case t.type when 'task.lease_expired' then 'The lease of attempt ' || (t.o).attempt || ' ran out.' when 'task.in_doubt' then (t.o).why
                            else (t.o).error ->> 'message' end, 500) as error_message,
           -- Which groups of columns it sets. A lease ends what an earlier attempt reported, a redrive everything.
           t.type in ('task.submitted', 'task.leased', 'task.lease_released', 'task.retried') as sets_attempt,
           t.type in ('task.submitted', 'task.rescheduled') and coalesce((t.s).priority, (t.o).priority) is not null as sets_priority,
           t.type in ('task.completed', 'task.attempt_failed', 'task.failed', 'task.lease_expired', 'task.in_doubt', 'task.retried')
             or t.type = 'task.resolved' and (t.o).outcome = 'completed' as sets_error,
           t.type in ('task.leased', 'task.retried') as ends_progress
      from told t
      join lives v on v.task_id = t.task_id and (v.others > 0 or v.leases > 1 or v.completions > 1)
  ), marked as (
    select t.*, max(t.place) over w as last_place,
           max(t.place) filter (where t.state is not null) over w as state_place,
           max(t.place) filter (where t.sets_attempt) over w as attempt_place,
           max(t.place) filter (where t.run_at is not null) over w as run_at_place,
           max(t.place) filter (where t.sets_priority) over w as priority_place,
           max(t.place) filter (where t.sets_error) over w as error_place,
           max(t.place) filter (where t.ends_progress or t.type = 'task.progressed' and t.fraction is not null) over w as fraction_place,
           max(t.place) filter (where t.ends_progress or t.type = 'task.progressed' and t.message is not null) over w as message_place
      from eventful t
    window w as (partition by t.task_id)
  ), task_columns as (
    select t.task_id, t.realm, (t.s).name, (t.s).queue, (t.s)."group", (t.s).key, t.submitted_at, (t.s).start_after, (t.s).start_before, (t.s).deadline,
           case t.last_place when t.completed_place then 'completed' when t.leased_place then 'leased' when t.submitted_place then 'pending' end as state,
           case t.last_place when t.completed_place then coalesce((t.c).finished_at, t.completed_at) end as finished_at,
           coalesce((t.l).attempt, 0) as attempt, (t.l).runner, (t.l).plugin, coalesce((t.s).start_after, t.submitted_at) as run_at, (t.s).priority,
           null::text as error_code, null::text as error_message, null::float8 as fraction, null::text as message,
           case t.last_place when t.completed_place then t.completed_at when t.leased_place then t.leased_at else t.submitted_at end as updated_at,
           0 as refused_results, -t.answers as open_requests, t.last_place, t.last_place as state_place,
           greatest(t.leased_place, t.submitted_place) as attempt_place, t.submitted_place as run_at_place,
           case when (t.s).priority is not null then t.submitted_place end as priority_place, t.completed_place as error_place,
           t.leased_place as fraction_place, t.leased_place as message_place, null::bigint as retried_place
      from plain t
    union all
    select t.task_id,
           -- At most one of the events of a task passes each filter: any_value() is how to take it.
           any_value(t.realm) filter (where t.type = 'task.submitted'), any_value((t.s).name), any_value((t.s).queue), any_value((t.s)."group"),
           any_value((t.s).key), any_value(t.occurred_at) filter (where t.type = 'task.submitted'),
           any_value((t.s).start_after), any_value((t.s).start_before), any_value((t.s).deadline),
           any_value(t.state) filter (where t.place = t.state_place),
           any_value(case when t.type in ('task.completed', 'task.failed') then coalesce(t.finished_at, t.occurred_at) else t.occurred_at end)
             filter (where t.place = t.state_place and t.state in ('completed', 'failed', 'aborted', 'missed')),
           coalesce(any_value(case t.type when 'task.leased' then t.attempt when 'task.lease_released' then t.attempt - 1 end)
             filter (where t.place = t.attempt_place), 0),
           any_value(t.runner) filter (where t.place = t.attempt_place and t.type = 'task.leased'),
           any_value(t.plugin) filter (where t.place = t.attempt_place and t.type = 'task.leased'),
           any_value(t.run_at) filter (where t.place = t.run_at_place), any_value(t.priority) filter (where t.place = t.priority_place),
           any_value(t.error_code) filter (where t.place = t.error_place), any_value(t.error_message) filter (where t.place = t.error_place),
           any_value(t.fraction) filter (where t.place = t.fraction_place and not t.ends_progress),
           any_value(t.message) filter (where t.place = t.message_place and not t.ends_progress),
           any_value(t.occurred_at) filter (where t.place = t.last_place),
           count(*) filter (where t.type = 'task.result_refused'),
           count(*) filter (where t.type in ('task.abort_requested', 'task.retry_requested', 'task.reschedule_requested')) - sum(t.answers),
           max(t.last_place), max(t.state_place), max(t.attempt_place), max(t.run_at_place), max(t.priority_place), max(t.error_place),
           max(t.fraction_place), max(t.message_place), max(t.place) filter (where t.type = 'task.retried')
      from marked t
     group by t.task_id
  ), written_tasks as (
    insert into taskledger.task_rows as x (slot, task_id, realm, name, queue, "group", key, submitted_at, start_after, start_before, deadline,
      state, finished_at, attempt, runner, plugin, run_at, priority, error_code, error_message, fraction, message, updated_at,
      refused_results, open_requests, last_place, state_place, attempt_place, run_at_place, priority_place, error_place,
      fraction_place, message_place, retried_place)
    select project_blocks.tasks, t.task_id, t.realm, t.name, t.queue, t."group", t.key, t.submitted_at, date_trunc('milliseconds', t.start_after),
           date_trunc('milliseconds', t.start_before), date_trunc('milliseconds', t.deadline), t.state, date_trunc('milliseconds', t.finished_at),
           t.attempt, t.runner, t.plugin, date_trunc('milliseconds', t.run_at), t.priority, t.error_code, t.error_message, t.fraction, t.message,
           t.updated_at, t.refused_results, t.open_requests, coalesce(t.last_place, 0), coalesce(t.state_place, 0), coalesce(t.attempt_place, 0),
           coalesce(t.run_at_place, 0), coalesce(t.priority_place, 0), coalesce(t.error_place, 0), coalesce(t.fraction_place, 0),
           coalesce(t.message_place, 0), coalesce(t.retried_place, 0)
      from task_columns t
     order by t.task_id
    on conflict (slot, task_id) do update set
      realm = coalesce(x.realm, excluded.realm), name = coalesce(x.name, excluded.name), queue = coalesce(x.queue, excluded.queue),
      "group" = coalesce(x."group", excluded."group"), key = coalesce(x.key, excluded.key),
      submitted_at = coalesce(x.submitted_at, excluded.submitted_at), start_after = coalesce(x.start_after, excluded.start_after),
      start_before = coalesce(x.start_before, excluded.start_before), deadline = coalesce(x.deadline, excluded.deadline),
      state = case when excluded.state_place > x.state_place then excluded.state else x.state end,
      finished_at = case when excluded.state_place > x.state_place then excluded.finished_at else x.finished_at end,
      attempt = case when excluded.attempt_place > x.attempt_place then excluded.attempt else x.attempt end,
      runner = case when excluded.attempt_place > x.attempt_place then excluded.runner else x.runner end,
      plugin = case when excluded.attempt_place > x.attempt_place then excluded.plugin else x.plugin end,
      run_at = case when excluded.run_at_place > x.run_at_place then excluded.run_at else x.run_at end,
      priority = case when excluded.priority_place > x.priority_place then excluded.priority else x.priority end,
      error_code = case when excluded.error_place > x.error_place then excluded.error_code else x.error_code end,
      error_message = case when excluded.error_place > x.error_place then excluded.error_message else x.error_message end,
      fraction = case when excluded.fraction_place > x.fraction_place then excluded.fraction else x.fraction end,
      message = case when excluded.message_place > x.message_place then excluded.message else x.message end,
      updated_at = case when excluded.last_place > x.last_place then excluded.updated_at else x.updated_at end,
      refused_results = x.refused_results + excluded.refused_results, open_requests = x.open_requests + excluded.open_requests,
      last_place = greatest(x.last_place, excluded.last_place), state_place = greatest(x.state_place, excluded.state_place),
      attempt_place = greatest(x.attempt_place, excluded.attempt_place), run_at_place = greatest(x.run_at_place, excluded.run_at_place),
      priority_place = greatest(x.priority_place, excluded.priority_place), error_place = greatest(x.error_place, excluded.error_place),
      fraction_place = greatest(x.fraction_place, excluded.fraction_place), message_place = greatest(x.message_place, excluded.message_place),
      retried_place = greatest(x.retried_place, excluded.retried_place)
    returning x.task_id, x.name, x.queue, coalesce(x.start_after, x.submitted_at) as due_at, x.state, x.submitted_at
  ), written_states as (
    insert into taskledger.task_state_rows as x (slot, task_id, state, submitted_at)
    select project_blocks.tasks, w.task_id, w.state, w.submitted_at from written_tasks w where w.state <> 'completed'
    on conflict (slot, task_id) do update set state = excluded.state, submitted_at = excluded.submitted_at
     where (x.state, x.submitted_at) is distinct from (excluded.state, excluded.submitted_at)
  ), deleted_states as (
    delete from taskledger.task_state_rows x
     -- An array: by index, whatever the planner thinks of their number.
     where x.slot = project_blocks.tasks and x.task_id = any (array(select w.task_id from written_tasks w where w.state = 'completed'))

  -- What attempts and queue_minutes need of each task, once: told by its row if that is at hand, else by its submission.
  ), submissions as materialized (
    select w.task_id, w.name, w.queue, w.due_at from written_tasks w where w.name is not null
     union all
    select t.task_id, (t.s).name, (t.s).queue, coalesce(date_trunc('milliseconds', (t.s).start_after), t.occurred_at)
      from told t where t.type = 'task.submitted' and project_blocks.tasks is null
  ), origins as materialized (
    select s.* from submissions s
     union all
    select w.task_id, (e.s).name, (e.s).queue, coalesce(date_trunc('milliseconds', (e.s).start_after), e.occurred_at)
      from (select distinct t.task_id from told t
             where t.type = 'task.leased'
                or project_blocks.queue_minutes is not null
                   and t.type in ('task.completed', 'task.failed', 'task.aborted', 'task.missed', 'task.in_doubt', 'task.retried',
                                  'task.attempt_failed', 'task.lease_expired', 'task.resolved')
            except select s.task_id from submissions s) w
     cross join lateral (select x.occurred_at, json_populate_record(null::taskledger.told_submission, x.data) as s
                           from taskledger.events x where x.task_id = w.task_id and x.version = 1 offset 0) e
  ), leases as materialized (
    select t.task_id, t.epoch, t.version, t.occurred_at as leased_at, t.r, case t.version when 2 then o.due_at else w.due_at end as due_at
      from told t
      join origins o on o.task_id = t.task_id
      left join lateral (
        select date_trunc('milliseconds', case p.type
                 when 'task.submitted' then coalesce((p.data ->> 'start_after')::timestamptz, p.occurred_at)
                 when 'task.rescheduled' then (p.data ->> 'start_after')::timestamptz
                 when 'task.attempt_failed' then (p.data ->> 'retry_at')::timestamptz
                 else coalesce((p.data ->> 'run_at')::timestamptz, p.occurred_at) end) as due_at
          from taskledger.events p
         -- What precedes version 2 is the submission.
         where t.version > 2 and p.task_id = t.task_id and (p.epoch, p.version) < (t.epoch, t.version)
           and (p.type in ('task.submitted', 'task.attempt_failed', 'task.lease_released', 'task.retried', 'task.lease_expired', 'task.resolved')
                or p.type = 'task.rescheduled' and p.data -> 'start_after' is not null)
         order by p.epoch desc, p.version desc
         limit 1) w on true
     where t.type = 'task.leased'

  -- attempts
  ), ended as (
    select t.task_id, t.type, t.occurred_at, coalesce((t.r).lease, (t.o).lease) as lease, coalesce((t.r).started_at, (t.o).started_at) as started_at,
           coalesce((t.r).finished_at, (t.o).finished_at, t.occurred_at) as ended_at, (t.o).error ->> 'code' as error_code,
           coalesce((t.r).usage, (t.o).usage) as usage
      from told t
     where project_blocks.attempts is not null
       and t.type in ('task.completed', 'task.failed', 'task.attempt_failed', 'task.lease_expired', 'task.lease_released', 'task.aborted', 'task.in_doubt')
  ), written_attempts as (
    insert into taskledger.attempt_rows as x (slot, task_id, epoch, version, attempt, runner, host, plugin, due_at, leased_at,
                                              started_at, ended_at, outcome, error_code, cpu_ms, max_rss_bytes)
    select project_blocks.attempts, coalesce(b.task_id, e.task_id), coalesce(b.epoch, e.lease[1]), coalesce(b.version, e.lease[2]), (b.r).attempt,
           (b.r).runner, (b.r).host, (b.r).plugin, date_trunc('milliseconds', b.due_at), b.leased_at, date_trunc('milliseconds', e.started_at),
           date_trunc('milliseconds', e.ended_at), substr(e.type, 6), e.error_code, (e.usage ->> 'cpu_ms')::float8, (e.usage ->> 'max_rss_bytes')::float8
      from (select l.* from leases l where project_blocks.attempts is not null) b
      full join (select e.* from ended e where e.lease is not null) e  -- without a lease: failed or aborted before anybody began
        on e.task_id = b.task_id and e.lease[1] = b.epoch and e.lease[2] = b.version
     order by 2, 3, 4
    on conflict (slot, task_id, epoch, version) do update set
      attempt = coalesce(x.attempt, excluded.attempt), runner = coalesce(x.runner, excluded.runner), host = coalesce(x.host, excluded.host),
      plugin = coalesce(x.plugin, excluded.plugin), due_at = coalesce(x.due_at, excluded.due_at),
      leased_at = coalesce(x.leased_at, excluded.leased_at), started_at = coalesce(x.started_at, excluded.started_at),
      ended_at = coalesce(x.ended_at, excluded.ended_at), outcome = coalesce(x.outcome, excluded.outcome),
      error_code = coalesce(x.error_code, excluded.error_code), cpu_ms = coalesce(x.cpu_ms, excluded.cpu_ms),
      max_rss_bytes = coalesce(x.max_rss_bytes, excluded.max_rss_bytes)

  -- queue_minutes
  ), counted as materialized (
    select k.queue, k.name, date_trunc('minute', t.occurred_at) as minute, t.type, coalesce((t.o).next, (t.o).outcome) as became,
           case when t.type in ('task.completed', 'task.failed', 'task.attempt_failed')
                then extract(epoch from coalesce((t.r).finished_at, (t.o).finished_at) - coalesce((t.r).started_at, (t.o).started_at)) * 1000 end as ms
      from told t
      join origins k on k.task_id = t.task_id
     where project_blocks.queue_minutes is not null
       and t.type in ('task.submitted', 'task.completed', 'task.failed', 'task.aborted', 'task.missed', 'task.in_doubt', 'task.retried',
                      'task.attempt_failed', 'task.lease_expired', 'task.resolved')
     union all
    select k.queue, k.name, date_trunc('minute', l.leased_at), 'task.leased', null, extract(epoch from l.leased_at - l.due_at) * 1000
      from leases l
      join origins k on k.task_id = l.task_id
     where project_blocks.queue_minutes is not null
  ), written_minutes as (
    insert into taskledger.queue_minute_rows as x (slot, queue, name, minute, submitted, started, completed, failed, aborted, missed, in_doubt,
                                                   retried, attempts_lost, attempts_failed)
    select project_blocks.queue_minutes, c.queue, c.name, c.minute,
           coalesce(sum(c.n) filter (where c.type = 'task.submitted'), 0), coalesce(sum(c.n) filter (where c.type = 'task.leased'), 0),
           coalesce(sum(c.n) filter (where c.type = 'task.completed' or c.type = 'task.resolved' and c.became = 'completed'), 0),
           coalesce(sum(c.n) filter (where c.type = 'task.failed' or c.type in ('task.resolved', 'task.lease_expired') and c.became = 'failed'), 0),
           coalesce(sum(c.n) filter (where c.type = 'task.aborted'), 0), coalesce(sum(c.n) filter (where c.type = 'task.missed'), 0),
           coalesce(sum(c.n) filter (where c.type = 'task.in_doubt' or c.type = 'task.lease_expired' and c.became = 'in_doubt'), 0),
           coalesce(sum(c.n) filter (where c.type = 'task.retried'), 0), coalesce(sum(c.n) filter (where c.type = 'task.lease_expired'), 0),
           coalesce(sum(c.n) filter (where c.type = 'task.attempt_failed'), 0)
      from (select c.queue, c.name, c.minute, c.type, c.became, count(*) as n from counted c group by 1, 2, 3, 4, 5) c
     group by c.queue, c.name, c.minute
    -- No row for a minute in which nothing counts.
    having bool_or(c.type <> 'task.resolved' or c.became in ('completed', 'failed'))
     order by c.queue, c.name, c.minute
    on conflict (slot, queue, name, minute) do update set
      submitted = x.submitted + excluded.submitted, started = x.started + excluded.started, completed = x.completed + excluded.completed,
      failed = x.failed + excluded.failed, aborted = x.aborted + excluded.aborted, missed = x.missed + excluded.missed,
      in_doubt = x.in_doubt + excluded.in_doubt, retried = x.retried + excluded.retried,
      attempts_lost = x.attempts_lost + excluded.attempts_lost, attempts_failed = x.attempts_failed + excluded.attempts_failed
  ), written_durations as (
    insert into taskledger.queue_duration_rows as x (slot, queue, name, minute, what, bucket, counted)
    select project_blocks.queue_minutes, d.queue, d.name, d.minute, d.what, taskledger.duration_bucket(d.ms), sum(d.n)
      from (select c.queue, c.name, c.minute, case c.type when 'task.leased' then 'wait' else 'run' end as what,
                   greatest(floor(c.ms), 0)::bigint as ms, count(*) as n
              from counted c where c.ms is not null
             group by 1, 2, 3, 4, 5) d
     group by 2, 3, 4, 5, 6
     order by 2, 3, 4, 5, 6
    on conflict (slot, queue, name, minute, what, bucket) do update set counted = x.counted + excluded.counted

  -- incidents
  ), raised as (
    select t.site, t.seq, (t.o).kind, (t.o).summary, t.occurred_at, t.actor
      from told t where project_blocks.incidents is not null and t.type = 'incident.raised'
  ), closed as (
    -- The first event that closed it counts, also when a later one arrives before it.
    select distinct on ((t.o).incident ->> 0, ((t.o).incident ->> 1)::bigint)
           (t.o).incident ->> 0 as site, ((t.o).incident ->> 1)::bigint as seq, t.occurred_at, t.actor,
           (t.o).resolution, t.site as closed_site, t.seq as closed_seq
      from told t where project_blocks.incidents is not null and t.type = 'incident.closed'
     order by (t.o).incident ->> 0, ((t.o).incident ->> 1)::bigint, t.site, t.seq
  ), written_incidents as (
    insert into taskledger.incident_rows as x (slot, site, seq, kind, summary, raised_at, raised_by, closed_at, closed_by, resolution,
                                               closed_site, closed_seq)
    select project_blocks.incidents, coalesce(r.site, c.site), coalesce(r.seq, c.seq), r.kind, r.summary, r.occurred_at, r.actor,
           c.occurred_at, c.actor, c.resolution, c.closed_site, c.closed_seq
      from raised r full join closed c on c.site = r.site and c.seq = r.seq
    on conflict (slot, site, seq) do update set
      kind = coalesce(x.kind, excluded.kind), summary = coalesce(x.summary, excluded.summary),
      raised_at = coalesce(x.raised_at, excluded.raised_at), raised_by = coalesce(x.raised_by, excluded.raised_by),
      (closed_at, closed_by, resolution, closed_site, closed_seq) = (
        select f.* from (values (x.closed_at, x.closed_by, x.resolution, x.closed_site, x.closed_seq),
                                (excluded.closed_at, excluded.closed_by, excluded.resolution, excluded.closed_site, excluded.closed_seq))
                          f(closed_at, closed_by, resolution, closed_site, closed_seq)
         order by f.closed_site, f.closed_seq limit 1)
  )
  select count(*) into v_events from told;
  perform taskledger.require_events(project_blocks.site, project_blocks.from_block, project_blocks.to_block, project_blocks.expected, v_events);
  return v_events;
end $$;
