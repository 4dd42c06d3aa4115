-- Takes up to `max_doubts` doubts of these names that are due, for one runner to ask its verify handlers: until `ttl_ms` are
-- over nobody else is asked, and then the take is over by itself, without an event. Answers each task with its attempt and
-- the data of its submit event. The runner makes the secret, which answer_doubt() asks for; only its SHA-256 is stored.
--
-- Locks:    enter_realm; the rows of doubts, FOR UPDATE SKIP LOCKED, never waiting.
-- Index:    doubts_due; open_tasks_pkey; the stream's primary key for the inputs.
-- Measured: 0.11 ms when there is none. Each runner with a verify handler asks once a second.
create or replace function taskledger.take_doubts(names text[], max_doubts int, runner text, secret text, ttl_ms int,
                                                  realm text default null)
returns table (task_id uuid, attempt int, data json)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_realm text;
begin
  if max_doubts is null or max_doubts not between 1 and 100 or ttl_ms is null or ttl_ms not between 1000 and 3600000 or runner is null then
    raise exception using errcode = 'TL002',
      message = format('Expected a runner, max_doubts from 1 to 100 and ttl_ms from 1000 to 3600000; found %s, %s and %s. Correct the call.',
                       coalesce(quote_literal(left(runner, 60)), 'none'), coalesce(max_doubts::text, 'null'), coalesce(ttl_ms::text, 'null'));
  end if;
  select e.realm into v_realm from taskledger.enter_realm(take_doubts.realm) e;
  return query
  with due as (
    select d.task_id
      from taskledger.doubts d
     where d.name = any (take_doubts.names) and d.ask_at <= v_now and d.realm = v_realm
     order by d.ask_at
     limit max_doubts
       for update skip locked
  ), taken as (
    update taskledger.doubts d
       set ask_at = v_now + ttl_ms * interval '1 millisecond', asked = d.asked + 1, runner = take_doubts.runner,
           take_digest = taskledger.secret_digest(take_doubts.secret)
      from due
     where d.task_id = due.task_id
    returning d.task_id
  )
  select t.task_id, t.attempt, s.data
    from taken
    join taskledger.open_tasks t on t.task_id = taken.task_id
    join taskledger.events s on s.site = t.submitted_site and s.seq = t.submitted_seq;
end $$;
