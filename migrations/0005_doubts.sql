-- Doubts: which protected tasks wait for an answer of a verify handler, and who is asked. A table of its own, because finding
-- them in open_tasks would take an index on `state`, and then no claim would be a HOT update any more. A row comes with the
-- doubt and goes with its end; it is no lease: the task stays in doubt, and nothing of it is in the log until it is answered.

create table taskledger.doubts (
  task_id     uuid             primary key,
  realm       text collate "C" not null,
  name        text collate "C" not null,
  ask_at      timestamptz(3)   not null,           -- when a verify handler may be asked; while one is asked, when its take runs out
  asked       int              not null default 0, -- how often one was
  take_digest bytea,                               -- SHA-256 of the secret of the take in force
  runner      text,                                -- who holds it
  last_reason text                                 -- why the last one asked could not tell
);
create index doubts_due on taskledger.doubts (name, ask_at);

insert into taskledger.doubts (task_id, realm, name, ask_at)
select task_id, realm, name, date_trunc('milliseconds', clock_timestamp()) from taskledger.open_tasks where state = 'in_doubt';

-- A secret is good for one claim: whoever lost the answer asks by it, and what was not granted until then never will be.
create unique index claims_secret on taskledger.claims (secret_digest);

-- As in 0004, but a task that was rescheduled keeps its priority when it is finished.
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
       coalesce(o.priority,
                (select (e.data ->> 'priority')::smallint
                   from taskledger.events e
                  where e.task_id = s.task_id and e.type = 'task.rescheduled' and e.data ->> 'priority' is not null
                  order by e.epoch desc, e.version desc
                  limit 1),
                (s.data ->> 'priority')::smallint) as priority,
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
