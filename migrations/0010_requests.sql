-- Requests from other sites: how far this site has looked through what they recorded for requests about tasks it owns.

-- Every request in the blocks up to `block` was heard, and of the next block those up to `seq`. Moved in the transaction that
-- answers them. Local; without a row nothing was heard yet, and hearing a request again does nothing.
create table taskledger.request_cursors (
  site  text collate "C" primary key,
  block bigint           not null default 0 check (block >= 0),
  seq   bigint           not null default 0 check (seq >= 0)
);

-- As before, and for tasks of realms another site owns, which have no row in open_tasks: when they are due, by their events,
-- and no end before they ended.
create or replace view taskledger.tasks as
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
       coalesce(o.priority, (
         select (e.data ->> 'priority')::smallint from taskledger.events e
          where e.task_id = s.task_id and e.type in ('task.submitted', 'task.rescheduled') and e.data -> 'priority' is not null
          order by e.epoch desc, e.version desc limit 1)) as priority,
       s.data ->> 'key' as key,
       s.realm,
       (case when o.task_id is not null or last.ends then o.run_at else (
         select date_trunc('milliseconds', case e.type
                  when 'task.submitted' then coalesce((e.data ->> 'start_after')::timestamptz, e.occurred_at)
                  when 'task.rescheduled' then (e.data ->> 'start_after')::timestamptz
                  when 'task.attempt_failed' then (e.data ->> 'retry_at')::timestamptz
                  else coalesce((e.data ->> 'run_at')::timestamptz, e.occurred_at) end)
           from taskledger.events e
          where e.task_id = s.task_id
            and (e.type in ('task.submitted', 'task.attempt_failed', 'task.lease_released', 'task.lease_expired', 'task.in_doubt',
                            'task.resolved', 'task.retried')
                 or e.type = 'task.rescheduled' and e.data -> 'start_after' is not null)
          order by e.epoch desc, e.version desc limit 1) end)::timestamptz(3) as run_at,
       coalesce(o.attempt, (
         select case e.type when 'task.leased' then (e.data ->> 'attempt')::int when 'task.lease_released' then (e.data ->> 'attempt')::int - 1 end
           from taskledger.events e
          where e.task_id = s.task_id and e.type in ('task.leased', 'task.lease_released', 'task.retried')
          order by e.epoch desc, e.version desc limit 1), 0) as attempt,
       s.occurred_at as submitted_at,
       case when o.task_id is null and last.ends then date_trunc('milliseconds', case when last.type in ('task.completed', 'task.failed')
         then coalesce((last.data ->> 'finished_at')::timestamptz, last.occurred_at) else last.occurred_at end)::timestamptz(3) end as finished_at,
       last.data -> 'output' as output,
       last.data -> 'error' as error,
       s.data -> 'input' as input,
       s.site,
       s.seq,
       (select max(e.version) from taskledger.events e where e.task_id = s.task_id) as version,
       (select case e.type when 'task.lease_expired' then 'LEASE_EXPIRED' when 'task.in_doubt' then 'IN_DOUBT' else e.data -> 'error' ->> 'code' end
          from taskledger.events e
         where e.task_id = s.task_id
           and (e.type in ('task.completed', 'task.attempt_failed', 'task.failed', 'task.lease_expired', 'task.in_doubt', 'task.retried')
                or e.type = 'task.resolved' and e.data ->> 'outcome' = 'completed')
         order by e.epoch desc, e.version desc limit 1) as error_code
  from taskledger.events s
  left join taskledger.open_tasks o on o.task_id = s.task_id
 cross join lateral (
       select e.type, e.data, e.occurred_at,
              e.type in ('task.completed', 'task.failed', 'task.aborted', 'task.missed')
                or e.type = 'task.lease_expired' and e.data ->> 'next' = 'failed'
                or e.type = 'task.resolved' and e.data ->> 'outcome' <> 'rerun' as ends
         from taskledger.events e
        -- These are versions of the task too, and leave its state as it was.
        where e.task_id = s.task_id and e.version is not null and e.type not in ('task.request_refused', 'task.rescheduled')
        order by e.epoch desc, e.version desc
        limit 1) last
 where s.type = 'task.submitted';
