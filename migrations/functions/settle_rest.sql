-- What `settle` could not record: says why, outcome by outcome, and keeps the late results of lost leases as evidence.
--
-- Locks:    none.
-- Index:    (task_id, epoch, version) of the stream, for the task's own history.
-- Measured: 0.15 ms per outcome; not called while leases are kept.
create or replace function taskledger.settle_rest(held bigint[], secrets text[], task_ids uuid[], claim_ids bigint[],
                                                  outcomes text[], details json[], settled uuid[], settled_claims bigint[])
returns table (task_id uuid, claim_id bigint, verdict text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_outcome record;
  v_lease record;
  v_end record;
begin
  for v_outcome in
    select o.*, encode(sha256(convert_to(secrets[array_position(held, o.claim_id)], 'UTF8')), 'hex') as digest
      from unnest(settle_rest.task_ids, settle_rest.claim_ids, outcomes, details) o(task_id, claim_id, outcome, detail)
     where not exists (select from unnest(settled, settled_claims) s(task_id, claim_id)
                        where s.task_id = o.task_id and s.claim_id = o.claim_id)
     order by o.task_id
  loop
    task_id := v_outcome.task_id;
    claim_id := v_outcome.claim_id;
    verdict := 'unknown';
    select e.realm, e.epoch, e.version into v_lease
      from taskledger.events e
     where e.task_id = v_outcome.task_id and e.type = 'task.leased' and e.data ->> 'lease_digest' = v_outcome.digest;
    if found then
      verdict := 'refused';
      -- What ended this lease: the outcome itself if an earlier answer was lost, anything else if the lease was.
      select e.type, e.version into v_end
        from taskledger.events e
       where e.task_id = v_outcome.task_id
         and (e.data -> 'lease' ->> 0)::int = v_lease.epoch and (e.data -> 'lease' ->> 1)::int = v_lease.version
         and e.type <> 'task.progressed'
       order by e.type = 'task.result_refused' desc, e.version limit 1;
      if v_end.type is null then
        -- The lease is in force, under another claim: nothing has ended that a result could come too late for.
        verdict := 'unknown';
      elsif v_end.type = (case v_outcome.outcome when 'retry' then 'task.attempt_failed' when 'released' then 'task.lease_released' when 'in_doubt' then 'task.in_doubt'
                            else 'task.' || v_outcome.outcome end)
        -- What would have been tried again ended here because it was asked to stop.
        or v_end.type = 'task.aborted' and v_outcome.outcome in ('retry', 'released') then
        verdict := 'already';
      elsif v_end.type <> 'task.result_refused' then
        insert into taskledger.events (site, seq, realm, epoch, task_id, type, occurred_at, actor, data)
        select s.name, nextval('taskledger.event_seq'), v_lease.realm, r.epoch, v_outcome.task_id, 'task.result_refused', v_now, session_user,
               ('{"lease":[' || v_lease.epoch || ',' || v_lease.version || '],"outcome":"' || v_outcome.outcome || '"'
                 || coalesce(case when v_outcome.outcome = 'completed' then ',"output":' || v_outcome.detail::text
                                  when v_outcome.outcome in ('failed', 'retry') then ',"error":' || taskledger.attempt_error(v_outcome.detail)
                                  else ',"reason":' || (v_outcome.detail -> 'reason')::text end, '')
                 || ',"why":' || to_json('the lease had ended with ' || v_end.type || ' (version ' || v_end.version || ')')::text || '}')::json
          from taskledger.site s join taskledger.realms r on r.realm = v_lease.realm;
      end if;
    end if;
    return next;
  end loop;
end $$;
