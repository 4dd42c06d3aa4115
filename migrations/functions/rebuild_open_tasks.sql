-- Makes open_tasks, claims, doubts and task_keys of the realms this site owns what the log says they are (I4), and writes only what
-- differs: on tables that are right it writes nothing. Others go on working; what they decide waits until it is done.
-- Not in the log, and therefore kept where it is there: the end of a lease and its last heartbeat, a progress report newer
-- than its event, and who is asked about a doubt. A lease whose claim is gone gets it back, by the id in its event, with one fresh TTL.
-- Answers how many rows were written (made or changed) and removed.
--
-- Locks:    pg_advisory_xact_lock(realm) of each realm, exclusively, in the order of their names: decisions under way end first, new
--           ones wait. 10 s at most (TL030): whoever waits for it makes everybody else wait. `renew` is not held up: of
--           claims only rows that differ are locked; surplus ones SKIP LOCKED.
-- Index:    one pass over all events (grouped by task, 128 MB, then on disk), then (task_id, epoch, version) of the streams for
--           the few events that made an open task what it is.
-- Measured: with 1 M events of 400 000 tasks, 100 000 of them open, on a busy machine: 5.5 s when the tables are right, 7.0 s without
--           statistics, 8.0 s from empty tables (`npm run bench -- rebuild`). Deleting and inserting everything would write
--           each row twice, and lose who holds a lease until when.
create or replace function taskledger.rebuild_open_tasks()
returns table (tasks_written int, tasks_removed int, claims_written int, claims_removed int, doubts_written int, doubts_removed int,
              keys_written int, keys_removed int)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set lock_timeout = '10s'
set work_mem = '128MB'
as $$
#variable_conflict use_column
declare
  v_now timestamptz(3);
  v_realms text[];
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using errcode = 'TL002',
      message = format('Expected a rebuild in a READ COMMITTED transaction; found %s. Its snapshot would be older than the locks: call it alone.',
                       current_setting('transaction_isolation'));
  end if;
  begin
    perform pg_advisory_xact_lock(hashtextextended('taskledger.realm.' || r.realm, 0))
       from (select realm from taskledger.realms order by realm) r;
  exception when lock_not_available then
    raise exception using errcode = 'TL030',
      message = 'Expected every transaction that submits or decides to end within 10 s; found one that did not. End the session that is idle in transaction (pg_stat_activity), then rebuild again.';
  end;
  -- Statements of their own from here on, hence snapshots taken after the locks were granted.
  select array_agg(r.realm) into v_realms
    from taskledger.realms r join taskledger.site s on s.name = r.owner;
  v_now := date_trunc('milliseconds', clock_timestamp());

  -- `marks`: which versions of each open task say what it is now. Versions run on across epochs, so a version names a decision.
  with marks as materialized (
    select e.task_id, max(e.version) as version,
           max(e.version) filter (where e.type = 'task.retried') as retried,
           max(e.version) filter (where e.type = 'task.leased') as leased,
           max(e.version) filter (where e.type in ('task.attempt_failed', 'task.lease_released', 'task.lease_expired', 'task.in_doubt',
                                                   'task.retried')) as unleased,
           max(e.version) filter (where e.type = 'task.lease_released') as released,
           max(e.version) filter (where e.type = 'task.in_doubt' or e.type = 'task.lease_expired' and e.data ->> 'next' = 'in_doubt') as doubted,
           max(e.version) filter (where e.type = 'task.resolved') as resolved,
           max(e.version) filter (where e.type = 'task.progressed') as progressed,
           max(e.version) filter (where e.type = 'task.progressed' and e.data -> 'checkpoint' is not null) as saved,
           max(e.version) filter (where e.type = 'task.rescheduled' and e.data -> 'priority' is not null) as ranked,
           max(e.version) filter (where e.type in ('task.submitted', 'task.attempt_failed', 'task.lease_released', 'task.lease_expired',
                                                   'task.in_doubt', 'task.resolved', 'task.retried')
                                     or e.type = 'task.rescheduled' and e.data -> 'start_after' is not null) as timed
      from taskledger.events e
     where e.version is not null and e.realm = any (v_realms)
     group by e.task_id
    having coalesce(max(e.version) filter (where e.type = 'task.retried'), 1) >
           coalesce(max(e.version) filter (where e.type in ('task.completed', 'task.failed', 'task.aborted', 'task.missed')
                                              or e.type = 'task.lease_expired' and e.data ->> 'next' = 'failed'
                                              or e.type = 'task.resolved' and e.data ->> 'outcome' <> 'rerun'), 0)
  ), told as materialized (
    select m.task_id, m.version, s.site as submitted_site, s.seq as submitted_seq, s.realm, s.data ->> 'name' as name,
           s.data ->> 'queue' as queue, coalesce(s.data ->> 'group', '') as "group", coalesce(s.data ->> 'plugin', '') as pin, (s.data -> 'retry' ->> 'attempts')::numeric::int as attempts,
           coalesce((s.data ->> 'protected')::boolean, false) as protected,
           coalesce(k.data ->> 'priority', s.data ->> 'priority')::smallint as priority,
           case when m.retried is null then date_trunc('milliseconds', (s.data ->> 'start_before')::timestamptz)::timestamptz(3) end as start_before,
           case when m.retried is null then date_trunc('milliseconds', (s.data ->> 'deadline')::timestamptz)::timestamptz(3) end as deadline,
           case when m.leased > coalesce(m.unleased, 0) then 'leased'
                when m.doubted > coalesce(m.resolved, 0) then 'in_doubt' else 'pending' end as state,
           date_trunc('milliseconds', case t.type
             when 'task.submitted' then coalesce((t.data ->> 'start_after')::timestamptz, t.occurred_at)
             when 'task.rescheduled' then (t.data ->> 'start_after')::timestamptz
             when 'task.attempt_failed' then (t.data ->> 'retry_at')::timestamptz
             else coalesce((t.data ->> 'run_at')::timestamptz, t.occurred_at) end)::timestamptz(3) as run_at,
           coalesce((l.data ->> 'attempt')::int - (m.released > m.leased and m.released is not null)::int, 0) as attempt,
           l.epoch as lease_epoch, l.version as lease_version, l.data as lease, l.occurred_at as leased_at,
           case when m.progressed > m.leased and m.leased > coalesce(m.unleased, 0) then p.data end as progress, p.occurred_at as progressed_at,
           c.data -> 'checkpoint' as checkpoint,
           case when m.leased > coalesce(m.unleased, 0) or m.doubted > coalesce(m.resolved, 0) then (
             select json_agg(json_build_array(q.site, q.seq::text) order by q.site, q.seq)
               from taskledger.events q
              where q.task_id = m.task_id and q.type = 'task.abort_requested'
                -- What came from another site and was not heard yet will be decided when it is.
                and (q.site = (select s.name from taskledger.site s) or taskledger.request_heard(q.site, q.seq))
                and not exists (select from taskledger.events d, json_array_elements(d.context -> 'answers') a
                                 where d.task_id = m.task_id and d.version is not null and a ->> 0 = q.site and a ->> 1 = q.seq::text)
           ) end as abort_answers
      from marks m
      join taskledger.events s on s.task_id = m.task_id and s.version = 1
      join taskledger.events t on t.task_id = m.task_id and t.version = m.timed
      left join taskledger.events k on k.task_id = m.task_id and k.version = m.ranked
      left join taskledger.events l on l.task_id = m.task_id and l.version = case when m.leased > coalesce(m.retried, 0) then m.leased end
      left join taskledger.events p on p.task_id = m.task_id and p.version = m.progressed
      left join taskledger.events c on c.task_id = m.task_id and c.version = m.saved
  ), held as materialized (
    -- The leases of one claim share the digest of its secret. Before its id was in the event, only the digest named it.
    -- An id that two of them name, one from before a restore and one from since, is that of the claim that has it.
    select g.*, coalesce(case when row_number() over (partition by g.told_id order by exists (
                                     select from taskledger.claims k where k.claim_id = g.told_id and k.secret_digest = g.digest) desc, g.digest) = 1
                              then g.told_id end,
                         (select min(k.claim_id) from taskledger.claims k where k.secret_digest = g.digest and k.claim_id is distinct from g.told_id),
                         nextval('taskledger.claim_ids')) as claim_id
      from (select decode(t.lease ->> 'lease_digest', 'hex') as digest, min((t.lease ->> 'claim')::bigint) as told_id,
                   min((t.lease ->> 'ttl_ms')::int) as ttl_ms, min(t.lease ->> 'runner') as runner, min(t.lease ->> 'host') as host,
                   count(*)::int as open, array_agg(t.task_id order by t.task_id) as task_ids
              from told t where t.state = 'leased' group by 1) g
  ), mended as (
    -- The runner knows its claim by this secret and this id. A mark of recall_claims() has no lease to end: it starts now.
    update taskledger.claims k
       set claim_id = h.claim_id, ttl_ms = h.ttl_ms, runner = h.runner, host = h.host, open = h.open, task_ids = h.task_ids,
           lease_until = case when k.open = 0 then v_now + h.ttl_ms * interval '1 millisecond' else k.lease_until end
      from held h
     where k.secret_digest = h.digest
       and ((k.claim_id, k.ttl_ms, k.runner, k.host, k.open) is distinct from (h.claim_id, h.ttl_ms, h.runner, h.host, h.open)
            or not k.task_ids @> h.task_ids)
    returning k.claim_id
  ), made as (
    insert into taskledger.claims as k (claim_id, lease_until, heartbeat_at, ttl_ms, secret_digest, runner, host, open, task_ids)
    select h.claim_id, v_now + h.ttl_ms * interval '1 millisecond', v_now, h.ttl_ms, h.digest, h.runner, h.host, h.open, h.task_ids
      from held h
     where not exists (select from taskledger.claims k where k.secret_digest = h.digest)
     order by h.claim_id
    on conflict (claim_id) do update
       set ttl_ms = excluded.ttl_ms, secret_digest = excluded.secret_digest, runner = excluded.runner, host = excluded.host,
           open = excluded.open, task_ids = excluded.task_ids
    returning k.claim_id
  ), right_now as materialized (
    select t.task_id, t.run_at, t.submitted_seq,
           h.claim_id, t.start_before, t.deadline,
           t.version, t.lease_epoch, t.lease_version, t.attempt, t.attempts, t.priority, t.protected, t.state, t.realm, t.submitted_site,
           t.name, t.queue, -t.priority as rank, t."group", t.pin,
           case when t.progress is null then null
                when pg_input_is_valid(o.progress ->> 'recorded_at', 'timestamptz') and pg_input_is_valid(o.progress ->> 'at', 'timestamptz')
                 and (o.progress ->> 'recorded_at')::timestamptz = t.progressed_at
                 and (o.progress ->> 'at')::timestamptz > t.progressed_at then o.progress
                else json_build_object('fraction', t.progress -> 'fraction', 'message', t.progress -> 'message',
                                       'at', t.progressed_at, 'recorded_at', t.progressed_at) end as progress,
           t.checkpoint, t.abort_answers
      from told t
      left join held h on t.state = 'leased' and h.digest = decode(t.lease ->> 'lease_digest', 'hex')
      left join taskledger.open_tasks o on o.task_id = t.task_id
  ), written as (
    insert into taskledger.open_tasks as o (task_id, run_at, submitted_seq, claim_id, start_before, deadline, version, lease_epoch,
                                            lease_version, attempt, attempts, priority, protected, state, realm, submitted_site,
                                            name, queue, rank, "group", pin, progress, checkpoint, abort_answers)
    select r.* from right_now r left join taskledger.open_tasks o on o.task_id = r.task_id
     where (o.run_at, o.submitted_seq, o.claim_id, o.start_before, o.deadline, o.version, o.lease_epoch, o.lease_version, o.attempt,
            o.attempts, o.priority, o.protected, o.state, o.realm, o.submitted_site, o.name, o.queue, o.rank, o."group", o.pin, o.progress::jsonb,
            o.checkpoint::text, o.abort_answers::jsonb)
           is distinct from
           (r.run_at, r.submitted_seq, r.claim_id, r.start_before, r.deadline, r.version, r.lease_epoch, r.lease_version, r.attempt,
            r.attempts, r.priority, r.protected, r.state, r.realm, r.submitted_site, r.name, r.queue, r.rank, r."group", r.pin, r.progress::jsonb,
            r.checkpoint::text, r.abort_answers::jsonb)
    on conflict (task_id) do update
       set run_at = excluded.run_at, submitted_seq = excluded.submitted_seq, claim_id = excluded.claim_id,
           start_before = excluded.start_before, deadline = excluded.deadline, version = excluded.version,
           lease_epoch = excluded.lease_epoch, lease_version = excluded.lease_version, attempt = excluded.attempt,
           attempts = excluded.attempts, priority = excluded.priority, protected = excluded.protected, state = excluded.state,
           realm = excluded.realm, submitted_site = excluded.submitted_site, name = excluded.name, queue = excluded.queue,
           rank = excluded.rank, "group" = excluded."group", pin = excluded.pin, progress = excluded.progress, checkpoint = excluded.checkpoint, abort_answers = excluded.abort_answers
    returning o.task_id
  ), removed as (
    delete from taskledger.open_tasks o where not exists (select from told t where t.task_id = o.task_id) returning o.task_id
  )
  select (select count(*) from written), (select count(*) from removed), (select count(*) from mended) + (select count(*) from made)
    into tasks_written, tasks_removed, claims_written;

  delete from taskledger.claims k
   where k.claim_id in (select c.claim_id from taskledger.claims c
                         where c.open <> 0 and not exists (select from taskledger.open_tasks o where o.claim_id = c.claim_id)
                           -- Without tasks it marks a secret that must not be granted any more: see recall_claims().
                           and c.task_ids <> '{}'
                         order by c.claim_id for update skip locked);
  get diagnostics claims_removed = row_count;

  -- Who is asked about a doubt, and when next, is not in the log: kept where it is known, else at once.
  with told as materialized (
    select o.task_id, o.realm, o.name from taskledger.open_tasks o where o.state = 'in_doubt'
  ), written as (
    insert into taskledger.doubts as d (task_id, realm, name, ask_at)
    select t.task_id, t.realm, t.name, v_now
      from told t left join taskledger.doubts d on d.task_id = t.task_id
     where (d.realm, d.name) is distinct from (t.realm, t.name)
    on conflict (task_id) do update set realm = excluded.realm, name = excluded.name
    returning d.task_id
  ), removed as (
    delete from taskledger.doubts d where not exists (select from told t where t.task_id = d.task_id) returning d.task_id
  )
  select (select count(*) from written), (select count(*) from removed) into doubts_written, doubts_removed;

  perform taskledger.note_leases(r.about) from taskledger.rules r where r.concurrency is not null;

  with told as materialized (
    -- The first of them: a restored site may have been told to record a task again that then came back (end_recovery).
    select distinct on (e.realm, e.data ->> 'name', e.data ->> 'key') e.realm, e.data ->> 'name' as name, e.data ->> 'key' as key, e.task_id
      from taskledger.events e
     where e.type = 'task.submitted' and e.realm = any (v_realms) and e.data -> 'key' is not null
     order by e.realm, e.data ->> 'name', e.data ->> 'key', e.occurred_at, e.seq
  ), written as (
    insert into taskledger.task_keys as k (realm, name, key, task_id)
    select t.* from told t left join taskledger.task_keys k on (k.realm, k.name, k.key) = (t.realm, t.name, t.key)
     where k.task_id is distinct from t.task_id
    on conflict (realm, name, key) do update set task_id = excluded.task_id
    returning k.task_id
  ), removed as (
    delete from taskledger.task_keys k
     where not exists (select from told t where (t.realm, t.name, t.key) = (k.realm, k.name, k.key))
    returning k.task_id
  )
  select (select count(*) from written), (select count(*) from removed) into keys_written, keys_removed;
  return next;
end $$;
