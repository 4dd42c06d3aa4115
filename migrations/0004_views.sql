-- The two views every language may read: what each task is now, and what happened to it.
-- `tasks` derives the state from the log itself, so that finished tasks are in it too. It is made for looking up single
-- tasks and recent ones; searching ten million of them is the business of the `tasks` projection.

create view taskledger.task_history as
select e.task_id, e.version, e.type, e.occurred_at, e.actor, e.site, e.seq, e.realm, e.epoch, e.context, e.data
  from taskledger.events e
 where e.task_id is not null;

comment on view taskledger.task_history is 'Every event of every task. Order by occurred_at, site, seq.';

create view taskledger.tasks as
select s.task_id as id,
       s.data ->> 'name' as name,
       case last.type
         when 'task.completed' then 'completed'
         when 'task.failed' then 'failed'
         when 'task.aborted' then 'aborted'
         when 'task.missed' then 'missed'
         when 'task.in_doubt' then 'in_doubt'
         when 'task.leased' then 'leased'
         when 'task.progressed' then 'leased'
         when 'task.lease_expired' then last.data ->> 'next'
         when 'task.resolved' then case last.data ->> 'outcome' when 'rerun' then 'pending' else last.data ->> 'outcome' end
         else 'pending'
       end as state,
       s.data ->> 'queue' as queue,
       s.data ->> 'group' as "group",
       coalesce(o.priority, (s.data ->> 'priority')::smallint) as priority,
       s.data ->> 'key' as key,
       s.realm,
       o.run_at,
       coalesce(o.attempt, (last.data ->> 'attempt')::int, 0) as attempt,
       s.occurred_at as submitted_at,
       case when o.task_id is null then last.occurred_at end as finished_at,
       last.data -> 'output' as output,
       last.data -> 'error' as error,
       s.data -> 'input' as input,
       s.site,
       s.seq,
       (select max(e.version) from taskledger.events e where e.task_id = s.task_id) as version
  from taskledger.events s
  left join taskledger.open_tasks o on o.task_id = s.task_id
 cross join lateral (
       select e.type, e.data, e.occurred_at
         from taskledger.events e
        -- A refused request is a version of the task too, and leaves its state as it was.
        where e.task_id = s.task_id and e.version is not null and e.type <> 'task.request_refused'
        order by e.epoch desc, e.version desc
        limit 1) last
 where s.type = 'task.submitted';

comment on view taskledger.tasks is 'What each task is now, derived from its events.';
