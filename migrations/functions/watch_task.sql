-- Asks for the log of a task's running attempt: for 15 seconds what its runner sends comes on the channel
-- taskledger_log_ and `watcher` without its hyphens, a random UUID of the caller that it tells nobody; listen there first.
-- There it is notified of each call, {"watched": …}, so that it knows whether it hears. Runners are told on the channel
-- taskledger_watch: the task id, with ` new` for a new watcher, who has seen no line yet. Answers the state the task is in
-- here: pending, leased or in_doubt; null when it has ended, is not known, or is another site's.
--
-- Locks:    the watcher's row of watches; those that are over, skipping what others have locked.
-- Index:    open_tasks_pkey, watches_pkey.
-- Measured: 0.19 ms.
create or replace function taskledger.watch_task(task_id uuid, watcher uuid)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_state text;
  v_new boolean;
begin
  if watch_task.task_id is null or watch_task.watcher is null then
    raise exception using errcode = 'TL002', message = 'Expected a task id and a random UUID of the watcher; found null. Pass both.';
  end if;
  select t.state into v_state from taskledger.open_tasks t where t.task_id = watch_task.task_id;
  if v_state is distinct from 'leased' then return v_state; end if;
  delete from taskledger.watches w
   where (w.task_id, w.watcher) in (select o.task_id, o.watcher from taskledger.watches o where o.until <= v_now for update skip locked);
  if (select count(*) from taskledger.watches w where w.task_id = watch_task.task_id and w.watcher <> watch_task.watcher) >= 20 then
    raise exception using errcode = 'TL002',
      message = format('Expected at most 20 watchers of task %s; found as many already. Wait until some have gone.', watch_task.task_id);
  end if;
  insert into taskledger.watches as w (task_id, watcher, until)
  values (watch_task.task_id, watch_task.watcher, v_now + interval '15 seconds')
  on conflict (task_id, watcher) do update set until = excluded.until
  returning xmax = 0 into v_new;
  perform pg_notify('taskledger_log_' || replace(watch_task.watcher::text, '-', ''), json_build_object('watched', watch_task.task_id)::text);
  perform pg_notify('taskledger_watch', watch_task.task_id || case when v_new then ' new' else '' end);
  return v_state;
end $$;
