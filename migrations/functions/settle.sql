-- Records how attempts ended, for one runner, in one transaction. `held` are the claims it speaks for, with their secrets.
-- Outcome i is: task_ids[i] of claim claim_ids[i] (together they name one lease), outcomes[i] = completed | failed | retry |
-- released | aborted | in_doubt, details[i] (the output; the error of failed and retry; {"reason": …} of the others),
-- ended_ms_ago[i] and ran_ms[i] on the runner's monotonic clock, retry_in_ms[i] for retry and released, and reports[i]
-- ({usage, log_tail, exit_code, exit_signal, killed}). Answers only what was NOT newly recorded: `already` (this very
-- outcome had been recorded by an earlier call whose answer was lost), `refused` (the lease was lost: the result is kept as
-- task.result_refused and changes nothing) or `unknown` (no such lease, or not with this secret: nothing is kept).
--
-- Locks:    enter_realm; the settled rows of open_tasks in task id order, whatever their outcomes; then the rows of `held` in claims.
-- Index:    open_tasks_pkey, claims_pkey; for an outcome that is not open any more (task_id, epoch, version) of the stream.
-- Measured: 25 us per task in calls of 500, 0.16 ms for one (`npm run bench -- functions`). A first version locked the rows and then
--           deleted by key: one more WAL record and index descent per task. The claim id in the DELETE is the fence instead:
--           a claim leases a task once. Nested loops are off because a prototype's plan, cached while open_tasks was empty,
--           compared every pair (44-64 ms for 500).
create or replace function taskledger.settle(held bigint[], secrets text[], task_ids uuid[], claim_ids bigint[], outcomes text[],
                                             details json[], ended_ms_ago int[], ran_ms int[], retry_in_ms bigint[] default null,
                                             reports json[] default null, realm text default null)
returns table (task_id uuid, claim_id bigint, verdict text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_nestloop = off
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_utc constant timestamp(3) := v_now at time zone 'UTC';
  v_actor constant text := session_user;
  v_here record;
  v_live bigint[];
  v_settled uuid[] := '{}';
  v_settled_claims bigint[] := '{}';
  v_reopened uuid[];
  v_reopened_claims bigint[];
  v_some_left boolean;
begin
  if cardinality(task_ids) <> cardinality(claim_ids) or cardinality(task_ids) <> cardinality(outcomes)
    or cardinality(task_ids) <> cardinality(details) or cardinality(task_ids) <> cardinality(ended_ms_ago)
    or cardinality(task_ids) <> cardinality(ran_ms) or cardinality(held) <> cardinality(secrets)
    or not outcomes <@ array['completed', 'failed', 'retry', 'released', 'aborted', 'in_doubt'] then
    raise exception using errcode = 'TL002',
      message = 'Expected arrays of one length, and outcomes out of completed, failed, retry, released, aborted, in_doubt; found others. Correct the call; nothing was recorded.';
  end if;
  -- Nothing, or a few small outputs without an escape: nothing to look at.
  if pg_column_size(details) > 128 or strpos(details::text, E'\\u') > 0 then
    perform taskledger.require_payloads(details);
  end if;
  v_here := taskledger.enter_realm(settle.realm);

  -- Two statements take the rows below, each in task id order: without this one the same outcomes sent twice, told
  -- differently the second time, could wait for each other, and an abort that commits between the two would leave an
  -- outcome to neither.
  if outcomes && array['retry', 'released', 'in_doubt'] then
    perform from taskledger.open_tasks t
       join taskledger.claims c on c.claim_id = t.claim_id
        and c.secret_digest = sha256(convert_to(secrets[array_position(held, c.claim_id)], 'UTF8'))
      where t.task_id = any (settle.task_ids) and t.claim_id = any (held)
      order by t.task_id
        for update of t;
  end if;

  with live as materialized (
    select c.claim_id
      from taskledger.claims c
     where c.claim_id = any (held)
       and c.secret_digest = sha256(convert_to(secrets[array_position(held, c.claim_id)], 'UTF8'))
  ), closed as (
    delete from taskledger.open_tasks t
     using unnest(task_ids, claim_ids, outcomes, details, ended_ms_ago, ran_ms, reports)
             as o(task_id, claim_id, outcome, detail, ago, ran, report)
     where t.task_id = any (settle.task_ids) and t.claim_id = any (array(select claim_id from live))
       and t.task_id = o.task_id and t.claim_id = o.claim_id
       and (o.outcome in ('completed', 'failed', 'aborted') or t.abort_answers is not null and o.outcome <> 'in_doubt')
    returning t.task_id, t.claim_id, t.realm, t.version, t.lease_epoch, t.lease_version, t.attempt, t.attempts,
              -- An attempt that was told to stop and would be tried again ends here instead.
              case when o.outcome in ('retry', 'released') then 'aborted' else o.outcome end as outcome,
              o.detail, o.ago, o.ran, o.report, t.abort_answers
  ), logged as (
    insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data)
    select v_here.site, nextval('taskledger.event_seq'), c.realm, v_here.epoch, c.task_id, c.version + 1,
           'task.' || c.outcome, v_now, v_actor, ('{"answers":' || c.abort_answers::text || '}')::json,
           ('{"lease":[' || c.lease_epoch || ',' || c.lease_version || '],"attempt":' || c.attempt
             || case c.outcome
                  when 'completed' then coalesce(',"output":' || c.detail::text, '')
                  when 'failed' then ',"attempts":' || c.attempts || ',"error":' || taskledger.attempt_error(c.detail)
                  else coalesce(',"reason":' || (c.detail -> 'reason')::text, '')
                end
             || ',"started_at":' || left(to_json(v_utc - (c.ago + c.ran) * interval '1 millisecond')::text, -1)
             || 'Z","finished_at":' || left(to_json(v_utc - c.ago * interval '1 millisecond')::text, -1) || 'Z"'
             || case when c.report is null then '' else taskledger.attempt_report(c.report) end || '}')::json
      from closed c
  ), counted as (
    select c.claim_id, count(*)::int as n from closed c group by c.claim_id
  ), ended as (
    delete from taskledger.claims c using counted s
     where c.claim_id = any (held) and c.claim_id = s.claim_id and c.open = s.n
    returning c.claim_id
  )
  select coalesce(array_agg(c.task_id), '{}'), coalesce(array_agg(c.claim_id), '{}'),
         (select array_agg(claim_id) from live), (select count(*) from counted) > (select count(*) from ended)
    into v_settled, v_settled_claims, v_live, v_some_left
    from closed c;

  if outcomes && array['retry', 'released', 'in_doubt'] then
    with reopened as (
      update taskledger.open_tasks t
         set state = case o.outcome when 'in_doubt' then 'in_doubt' else 'pending' end, version = t.version + 1, claim_id = null, progress = null,
             attempt = t.attempt - case o.outcome when 'released' then 1 else 0 end,
             run_at = v_now + coalesce(o.retry_in, 0) * interval '1 millisecond'
        from unnest(task_ids, claim_ids, outcomes, details, ended_ms_ago, ran_ms, retry_in_ms, reports)
               as o(task_id, claim_id, outcome, detail, ago, ran, retry_in, report)
       where t.task_id = any (settle.task_ids) and t.claim_id = any (v_live)
         and t.task_id = o.task_id and t.claim_id = o.claim_id and o.outcome in ('retry', 'released', 'in_doubt')
         and (t.abort_answers is null or o.outcome = 'in_doubt')
      returning t.task_id, o.claim_id, t.realm, t.version, t.lease_epoch, t.lease_version, t.attempt, t.run_at,
                o.outcome, o.detail, o.ago, o.ran, o.report
    ), logged as (
      insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, data)
      select v_here.site, nextval('taskledger.event_seq'), r.realm, v_here.epoch, r.task_id, r.version,
             case r.outcome when 'retry' then 'task.attempt_failed' when 'released' then 'task.lease_released' else 'task.in_doubt' end, v_now, v_actor,
             ('{"lease":[' || r.lease_epoch || ',' || r.lease_version || ']'
               || case r.outcome
                    when 'retry' then ',"attempt":' || r.attempt || ',"error":' || taskledger.attempt_error(r.detail)
                      || ',"started_at":' || left(to_json(v_utc - (r.ago + r.ran) * interval '1 millisecond')::text, -1)
                      || 'Z","finished_at":' || left(to_json(v_utc - r.ago * interval '1 millisecond')::text, -1) || 'Z"'
                      || ',"retry_at":' || left(to_json(r.run_at at time zone 'UTC')::text, -1) || 'Z"'
                    when 'in_doubt' then ',"why":' || coalesce((r.detail -> 'reason')::text, '"its runner could not say how it ended"')
                    else ',"attempt":' || r.attempt + 1 || ',"reason":' || coalesce((r.detail -> 'reason')::text, '"not told"')
                      || ',"run_at":' || left(to_json(r.run_at at time zone 'UTC')::text, -1) || 'Z"'
                  end
               || case when r.report is null then '' else taskledger.attempt_report(r.report) end || '}')::json
        from reopened r
    )
    select array_agg(r.task_id), array_agg(r.claim_id) into v_reopened, v_reopened_claims from reopened r;
    if 'in_doubt' = any (outcomes) then
      insert into taskledger.doubts (task_id, realm, name, ask_at)
      select t.task_id, t.realm, t.name, v_now from taskledger.open_tasks t where t.task_id = any (v_reopened) and t.state = 'in_doubt';
    end if;
    v_settled := v_settled || v_reopened;
    v_settled_claims := v_settled_claims || v_reopened_claims;
    v_some_left := true;
  end if;

  if v_some_left then
    update taskledger.claims c set open = c.open - s.n
      from (select x.claim_id, count(*)::int as n from unnest(v_settled_claims) x(claim_id) group by x.claim_id) s
     where c.claim_id = any (v_live) and c.claim_id = s.claim_id;
    delete from taskledger.claims c where c.claim_id = any (v_live) and c.open = 0;
  end if;

  if cardinality(v_settled) < cardinality(task_ids) then
    return query select * from taskledger.settle_rest(held, secrets, settle.task_ids, settle.claim_ids, outcomes, details, v_settled, v_settled_claims);
  end if;
end $$;
