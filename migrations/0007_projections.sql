-- Projections: what the sealed events come to, in rows made for searching and counting. They hold nothing of their own, so
-- they can be made again at any time, and they are read only through their views. Each table has two slots, `a` and `b`: a new
-- version fills one beside the live other one, and takes its place in one transaction. The slots are partitions, so that one
-- definition serves both, a view reads the live one alone, and the other is emptied at once.
-- Only the blocks read so far decide what a row is, in whatever order they came (I5): each group of columns keeps the place
-- (epoch << 32 | version) of the event that set it, and only a later one sets it again; counters add.

create table taskledger.projections (
  name             text collate "C" primary key,
  tables           text[]  not null,                  -- parents whose slots it fills
  version          int     not null default 1,        -- of what is live
  live             text    not null default 'a' check (live in ('a', 'b')),
  building_version int,                               -- of what is filled in the other slot; null: nothing is
  replaying        boolean not null default false     -- what is filled is only compared with what is live, and never goes live
);

insert into taskledger.projections (name, tables) values
  ('tasks', '{task_rows}'),
  ('attempts', '{attempt_rows}'),
  ('queue_minutes', '{queue_minute_rows,queue_duration_rows}'),
  ('incidents', '{incident_rows}');

-- The last block each slot has read of each stream. Moved in the transaction that writes the rows: exactly once per event.
create table taskledger.cursors (
  projection text collate "C" not null references taskledger.projections,
  slot       text             not null check (slot in ('a', 'b')),
  site       text collate "C" not null,
  block      bigint           not null default 0 check (block >= 0),
  primary key (projection, slot, site)
);

-- Every task of every realm.
create table taskledger.task_rows (
  slot               text     not null,
  task_id            uuid     not null,
  realm              text collate "C",                 -- null: submitted in a block that was not read yet
  name               text collate "C",
  queue              text collate "C",
  "group"            text collate "C",
  key                text collate "C",
  submitted_at       timestamptz(3),
  start_after        timestamptz(3),
  start_before       timestamptz(3),
  deadline           timestamptz(3),
  state              text collate "C",
  finished_at        timestamptz(3),
  attempt            int,
  runner             text collate "C",                 -- of the latest attempt
  plugin             text collate "C",
  run_at             timestamptz(3),
  priority           smallint,
  error_code         text collate "C",
  error_message      text,                             -- its first 500 characters
  fraction           double precision,
  message            text,
  updated_at         timestamptz(3),
  refused_results    int      not null default 0,
  open_requests      int      not null default 0,
  last_place         bigint   not null default 0,
  state_place        bigint   not null default 0,
  attempt_place      bigint   not null default 0,
  run_at_place       bigint   not null default 0,
  priority_place     bigint   not null default 0,
  error_place        bigint   not null default 0,
  fraction_place     bigint   not null default 0,
  message_place      bigint   not null default 0,
  retried_place      bigint   not null default 0,
  primary key (slot, task_id)
) partition by list (slot);

-- One row per lease.
create table taskledger.attempt_rows (
  slot          text   not null,
  task_id       uuid   not null,
  epoch         int    not null,
  version       int    not null,
  attempt       int,                                  -- null: leased in a block that was not read yet
  runner        text collate "C",
  host          text collate "C",
  plugin        text collate "C",
  due_at        timestamptz(3),                       -- from when on it could be claimed
  leased_at     timestamptz(3),
  started_at    timestamptz(3),
  ended_at      timestamptz(3),
  outcome       text collate "C",
  error_code    text collate "C",
  cpu_ms        double precision,
  max_rss_bytes double precision,
  primary key (slot, task_id, epoch, version)
) partition by list (slot);

-- What happened per queue, task name and minute of the recording site.
create table taskledger.queue_minute_rows (
  slot          text             not null,
  queue         text collate "C" not null,
  name          text collate "C" not null,
  minute        timestamptz(3)   not null,
  submitted     bigint           not null default 0,
  started       bigint           not null default 0,
  completed     bigint           not null default 0,
  failed        bigint           not null default 0,
  aborted       bigint           not null default 0,
  missed        bigint           not null default 0,
  in_doubt      bigint           not null default 0,
  retried       bigint           not null default 0,
  attempts_lost bigint           not null default 0,
  attempts_failed bigint         not null default 0,
  primary key (slot, queue, name, minute)
) partition by list (slot);

-- How long tasks waited and ran, as a histogram that adds up over any range: a bucket is exact below 32 ms, above that a
-- sixteenth of an octave, so that its middle is off by 3.2 % at most.
create table taskledger.queue_duration_rows (
  slot    text             not null,
  queue   text collate "C" not null,
  name    text collate "C" not null,
  minute  timestamptz(3)   not null,
  what    text             not null check (what in ('wait', 'run')),
  bucket  int              not null,
  counted bigint           not null,
  primary key (slot, queue, name, minute, what, bucket)
) partition by list (slot);

create table taskledger.incident_rows (
  slot        text             not null,
  site        text collate "C" not null,
  seq         bigint           not null,
  kind        text collate "C",                       -- null: raised in a block that was not read yet
  summary     text,
  raised_at   timestamptz(3),
  raised_by   text collate "C",
  closed_at   timestamptz(3),
  closed_by   text collate "C",
  resolution  text,
  closed_site text collate "C",                       -- of the first event that closed it
  closed_seq  bigint,
  primary key (slot, site, seq)
) partition by list (slot);

do $$
declare
  v_table text;
  v_slot text;
begin
  for v_table in select unnest(p.tables) from taskledger.projections p loop
    foreach v_slot in array array['a', 'b'] loop
      execute format('create table taskledger.%I partition of taskledger.%I for values in (%L) with (fillfactor = 80)',
                     v_table || '_' || v_slot, v_table, v_slot);
    end loop;
  end loop;
end $$;

-- For searching, newest first by id. States most tasks end in are found by walking the primary key.
create index on taskledger.task_rows (state, task_id) where state <> 'completed';
create index on taskledger.task_rows (error_code, task_id) where error_code is not null;
create index on taskledger.task_rows (name, task_id);
create index on taskledger.task_rows (queue, task_id);
create index on taskledger.task_rows (key, task_id) where key is not null;
create index on taskledger.task_rows (submitted_at);
create index on taskledger.queue_minute_rows (minute);

-- The empty join, which costs nothing, keeps them from being views one could write through.
create view taskledger.projected_tasks as
select t.task_id as id, t.realm, t.name, t.queue, t."group", t.priority, t.key, t.state, t.attempt, t.submitted_at, t.start_after,
       -- A redrive lifts the windows.
       case when t.retried_place = 0 then t.start_before end as start_before,
       case when t.retried_place = 0 then t.deadline end as deadline,
       t.run_at, t.updated_at, t.finished_at, t.runner, t.plugin, t.error_code, t.error_message, t.fraction, t.message,
       t.refused_results, t.open_requests, (t.last_place & 4294967295)::int as version, (t.last_place >> 32)::int as epoch
  from taskledger.task_rows t cross join (select) read_only
 where t.slot = (select p.live from taskledger.projections p where p.name = 'tasks') and t.realm is not null;

create view taskledger.attempts as
select t.task_id, t.epoch, t.version, t.attempt, t.runner, t.host, t.plugin, t.due_at, t.leased_at, t.started_at, t.ended_at, t.outcome,
       t.error_code, greatest(extract(epoch from t.leased_at - t.due_at) * 1000, 0)::bigint as wait_ms,
       greatest(extract(epoch from t.ended_at - coalesce(t.started_at, t.leased_at)) * 1000, 0)::bigint as run_ms, t.cpu_ms, t.max_rss_bytes
  from taskledger.attempt_rows t cross join (select) read_only
 where t.slot = (select p.live from taskledger.projections p where p.name = 'attempts') and t.attempt is not null;

create view taskledger.queue_minutes as
select t.queue, t.name, t.minute, t.submitted, t.started, t.completed, t.failed, t.aborted, t.missed, t.in_doubt, t.retried,
       t.attempts_lost, t.attempts_failed
  from taskledger.queue_minute_rows t cross join (select) read_only
 where t.slot = (select p.live from taskledger.projections p where p.name = 'queue_minutes');

create view taskledger.queue_durations as
select t.queue, t.name, t.minute, t.what, t.bucket, t.counted
  from taskledger.queue_duration_rows t cross join (select) read_only
 where t.slot = (select p.live from taskledger.projections p where p.name = 'queue_minutes');

create view taskledger.incidents as
select t.site, t.seq, t.kind, t.summary, t.raised_at, t.raised_by, t.closed_at, t.closed_by, t.resolution
  from taskledger.incident_rows t cross join (select) read_only
 where t.slot = (select p.live from taskledger.projections p where p.name = 'incidents') and t.kind is not null;

comment on view taskledger.projected_tasks is 'Every task of every realm, as of the last projected block: for searching millions of them.';
comment on view taskledger.attempts is 'Every lease: who ran it, where, how long it waited and ran, how it ended.';
comment on view taskledger.queue_minutes is 'What happened per queue, task name and minute.';
comment on view taskledger.queue_durations is 'Histogram of waiting and running times per queue, task name and minute; counts of a bucket add up.';
comment on view taskledger.incidents is 'What was raised as an incident, and how it was closed.';

-- The log's own view answers the same questions as projected_tasks where nothing is projected. Its attempt and finished_at were
-- those of the last event alone: 0 for a task that was aborted while it waited for its second attempt.
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
       o.run_at,
       coalesce(o.attempt, (
         select case e.type when 'task.leased' then (e.data ->> 'attempt')::int when 'task.lease_released' then (e.data ->> 'attempt')::int - 1 end
           from taskledger.events e
          where e.task_id = s.task_id and e.type in ('task.leased', 'task.lease_released', 'task.retried')
          order by e.epoch desc, e.version desc limit 1), 0) as attempt,
       s.occurred_at as submitted_at,
       case when o.task_id is null then date_trunc('milliseconds', case when last.type in ('task.completed', 'task.failed')
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
       select e.type, e.data, e.occurred_at
         from taskledger.events e
        -- These are versions of the task too, and leave its state as it was.
        where e.task_id = s.task_id and e.version is not null and e.type not in ('task.request_refused', 'task.rescheduled')
        order by e.epoch desc, e.version desc
        limit 1) last
 where s.type = 'task.submitted';
