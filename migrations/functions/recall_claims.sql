-- For a runner whose claims were never answered, because the connection was lost: asks by their secrets. Answers the claims
-- that were granted and are in force, as claim() would have, and renews them; those not answered were never made, and never
-- will be: a claim still on its way to the server finds its secret used.
--
-- Locks:    rows of claims, one after the other in secret order; waits for a claim with that secret whose end is not known yet.
-- Index:    claims_secret; open_tasks_pkey; the stream's primary key for the inputs.
-- Measured: 0.19 ms per claim of one task; called after a lost connection only.
create or replace function taskledger.recall_claims(secrets text[])
returns table (claim_id bigint, secret text, lease_until timestamptz, tasks text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  -- Longer than any statement is on its way; the sweep removes the mark then.
  v_mark_until constant timestamptz(3) := v_now + interval '10 minutes';
begin
  if cardinality(secrets) > 100 then
    raise exception using errcode = 'TL002', message =
      format('Expected at most 100 secrets; found %s. Ask for them in several calls.', cardinality(secrets));
  end if;
  for secret in select distinct s from unnest(secrets) s order by 1 loop
    insert into taskledger.claims (claim_id, lease_until, heartbeat_at, ttl_ms, secret_digest, runner, host, open, task_ids)
    values (nextval('taskledger.claim_ids'), v_mark_until, v_now, 1000, taskledger.secret_digest(secret), '', '', 0, '{}')
    on conflict (secret_digest) do nothing;
    continue when found;
    update taskledger.claims c
       set heartbeat_at = v_now, lease_until = v_now + c.ttl_ms * interval '1 millisecond'
     where c.secret_digest = taskledger.secret_digest(secret) and c.open > 0
    returning c.claim_id, c.lease_until into claim_id, lease_until;
    continue when not found;
    select '[' || string_agg('["' || t.task_id || '",' || t.lease_epoch || ',' || t.lease_version || ',' || t.attempt || ',' || to_json(t.run_at)::text
                             || ',' || s.data::text || coalesce(',' || t.checkpoint::text, '') || ']', ',' order by i.place) || ']'
      into tasks
      from taskledger.claims c
     cross join unnest(c.task_ids) with ordinality i(task_id, place)
      join taskledger.open_tasks t on t.task_id = i.task_id and t.claim_id = c.claim_id
      join taskledger.events s on s.site = t.submitted_site and s.seq = t.submitted_seq
     where c.claim_id = recall_claims.claim_id;
    return next;
  end loop;
end $$;
