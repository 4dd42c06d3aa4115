-- Reads blocks of one stream into a slot of `tasks`, and moves its cursor over them. Answers the events read; null when
-- another projector had read them. `marked`: the places (epoch << 32 | version) of the
-- events that say what each group of columns is.
--
-- Locks:    move_cursor; then the rows it writes, in task id order, which nobody else writes.
-- Index:    blocks_pkey, the stream's primary key for each run of members; the primary key of the slot.
-- Measured: `npm run bench -- projections`. Values are taken out of `data` once per event: each `->>` parses the text again.
create or replace function taskledger.project_tasks(slot text, site text, from_block bigint, to_block bigint)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_nestloop = off
set work_mem = '64MB'
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_expected bigint;
  v_events bigint;
begin
  v_expected := taskledger.move_cursor('tasks', project_tasks.slot, project_tasks.site, project_tasks.from_block, project_tasks.to_block);
  if v_expected is null then return null; end if;
  with told as materialized (
    select e.task_id, e.epoch::bigint << 32 | e.version as place, e.type, e.realm, e.occurred_at,
           d.name, d.queue, d."group", d.key, d.priority, d.attempt, d.runner, d.plugin, d.start_after, d.start_before, d.deadline, d.finished_at,
           d.fraction, d.message,
           case when e.context is null then 0 else coalesce(json_array_length(e.context -> 'answers'), 0) end as answers,
           case e.type
             when 'task.leased' then 'leased'
             when 'task.completed' then 'completed'
             when 'task.submitted' then 'pending'
             when 'task.attempt_failed' then 'pending'
             when 'task.failed' then 'failed'
             when 'task.lease_expired' then d.next
             when 'task.lease_released' then 'pending'
             when 'task.aborted' then 'aborted'
             when 'task.missed' then 'missed'
             when 'task.in_doubt' then 'in_doubt'
             when 'task.retried' then 'pending'
             when 'task.resolved' then case d.outcome when 'rerun' then 'pending' else d.outcome end
           end as state,
           case e.type
             when 'task.submitted' then coalesce(d.start_after, e.occurred_at)
             when 'task.attempt_failed' then d.retry_at
             when 'task.lease_released' then coalesce(d.run_at, e.occurred_at)
             when 'task.retried' then coalesce(d.run_at, e.occurred_at)
             when 'task.rescheduled' then d.start_after
             when 'task.lease_expired' then case d.next when 'pending' then coalesce(d.run_at, e.occurred_at) end
             when 'task.resolved' then case d.outcome when 'rerun' then e.occurred_at end
           end as run_at,
           case e.type when 'task.lease_expired' then 'LEASE_EXPIRED' when 'task.in_doubt' then 'IN_DOUBT' else d.error ->> 'code' end as error_code,
           left(case e.type when 'task.lease_expired' then 'The lease of attempt ' || d.attempt || ' ran out.' when 'task.in_doubt' then d.why
                            else d.error ->> 'message' end, 500) as error_message,
           -- Which groups of columns it sets. A lease ends what an earlier attempt reported, a redrive everything.
           e.type in ('task.submitted', 'task.leased', 'task.lease_released', 'task.retried') as sets_attempt,
           e.type in ('task.submitted', 'task.rescheduled') and d.priority is not null as sets_priority,
           e.type in ('task.completed', 'task.attempt_failed', 'task.failed', 'task.lease_expired', 'task.in_doubt', 'task.retried')
             or e.type = 'task.resolved' and d.outcome = 'completed' as sets_error,
           e.type in ('task.leased', 'task.retried') as ends_progress
      from taskledger.blocks b
     cross join unnest(b.members) r(seqs)
     -- By index for each run of members, whatever the planner thinks of their number.
     cross join lateral (select x.* from taskledger.events x
                          where x.site = project_tasks.site and x.seq >= lower(r.seqs) and x.seq < upper(r.seqs) offset 0) e
     cross join json_to_record(e.data) as d(name text, queue text, "group" text, key text, priority smallint, start_after timestamptz,
                start_before timestamptz, deadline timestamptz, attempt int, runner text, plugin text, retry_at timestamptz,
                run_at timestamptz, finished_at timestamptz, error json, fraction float8, message text, next text, outcome text, why text)
     where b.site = project_tasks.site and b.number between project_tasks.from_block and project_tasks.to_block
  ), marked as (
    select t.*, max(t.place) over w as last_place,
           max(t.place) filter (where t.state is not null) over w as state_place,
           max(t.place) filter (where t.sets_attempt) over w as attempt_place,
           max(t.place) filter (where t.run_at is not null) over w as run_at_place,
           max(t.place) filter (where t.sets_priority) over w as priority_place,
           max(t.place) filter (where t.sets_error) over w as error_place,
           max(t.place) filter (where t.ends_progress or t.type = 'task.progressed' and t.fraction is not null) over w as fraction_place,
           max(t.place) filter (where t.ends_progress or t.type = 'task.progressed' and t.message is not null) over w as message_place
      from told t
     where t.task_id is not null
    window w as (partition by t.task_id)
  ), written as (
    insert into taskledger.task_rows as x (slot, task_id, realm, name, queue, "group", key, submitted_at, start_after, start_before, deadline,
      state, finished_at, attempt, runner, plugin, run_at, priority, error_code, error_message, fraction, message, updated_at,
      refused_results, open_requests, last_place, state_place, attempt_place, run_at_place, priority_place, error_place,
      fraction_place, message_place, retried_place)
    select project_tasks.slot, t.task_id,
           -- Of the events of a task at most one passes each filter: max() is how to take it.
           max(t.realm) filter (where t.type = 'task.submitted'), max(t.name) filter (where t.type = 'task.submitted'),
           max(t.queue) filter (where t.type = 'task.submitted'), max(t."group") filter (where t.type = 'task.submitted'),
           max(t.key) filter (where t.type = 'task.submitted'), max(t.occurred_at) filter (where t.type = 'task.submitted'),
           date_trunc('milliseconds', max(t.start_after) filter (where t.type = 'task.submitted')),
           date_trunc('milliseconds', max(t.start_before) filter (where t.type = 'task.submitted')),
           date_trunc('milliseconds', max(t.deadline) filter (where t.type = 'task.submitted')),
           max(t.state) filter (where t.place = t.state_place),
           date_trunc('milliseconds', max(case when t.type in ('task.completed', 'task.failed') then coalesce(t.finished_at, t.occurred_at)
                                               else t.occurred_at end)
             filter (where t.place = t.state_place and t.state in ('completed', 'failed', 'aborted', 'missed'))),
           coalesce(max(case t.type when 'task.leased' then t.attempt when 'task.lease_released' then t.attempt - 1 end) filter (where t.place = t.attempt_place), 0),
           max(t.runner) filter (where t.place = t.attempt_place and t.type = 'task.leased'),
           max(t.plugin) filter (where t.place = t.attempt_place and t.type = 'task.leased'),
           date_trunc('milliseconds', max(t.run_at) filter (where t.place = t.run_at_place)),
           max(t.priority) filter (where t.place = t.priority_place),
           max(t.error_code) filter (where t.place = t.error_place), max(t.error_message) filter (where t.place = t.error_place),
           max(t.fraction) filter (where t.place = t.fraction_place and not t.ends_progress),
           max(t.message) filter (where t.place = t.message_place and not t.ends_progress),
           max(t.occurred_at) filter (where t.place = t.last_place),
           count(*) filter (where t.type = 'task.result_refused'),
           count(*) filter (where t.type in ('task.abort_requested', 'task.retry_requested', 'task.reschedule_requested')) - sum(t.answers),
           coalesce(max(t.last_place), 0), coalesce(max(t.state_place), 0), coalesce(max(t.attempt_place), 0), coalesce(max(t.run_at_place), 0),
           coalesce(max(t.priority_place), 0), coalesce(max(t.error_place), 0), coalesce(max(t.fraction_place), 0), coalesce(max(t.message_place), 0),
           coalesce(max(t.place) filter (where t.type = 'task.retried'), 0)
      from marked t
     group by t.task_id
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
  )
  select count(*) into v_events from told;
  perform taskledger.require_events(project_tasks.site, project_tasks.from_block, project_tasks.to_block, v_expected, v_events);
  return v_events;
end $$;
