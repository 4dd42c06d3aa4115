-- What a verify handler answered about a task its runner took with take_doubts(): `completed` (with its output),
-- `not_executed` (runs again if attempts are left, else failed), `unknown` (asked again later, with growing pauses) or
-- `released` (nobody was asked: the runner stops). Answers the state the task is in now, or `refused` when the doubt is over,
-- or is not held with this secret (any more): then nothing is changed.
--
-- Locks:    for an answer that ends the doubt end_doubt, else the row of doubts.
-- Index:    doubts_pkey; as end_doubt.
-- Measured: not yet; once per doubt and question.
create or replace function taskledger.answer_doubt(task_id uuid, secret text, outcome text, output json default null, reason text default null)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_digest constant bytea := taskledger.secret_digest(secret);
  v_pauses constant interval[] := array['10 seconds', '1 minute', '10 minutes', '1 hour'];
begin
  if answer_doubt.outcome is null or answer_doubt.outcome not in ('completed', 'not_executed', 'unknown', 'released') then
    raise exception using errcode = 'TL002',
      message = format('Expected the outcome completed, not_executed, unknown or released; found %L. Correct the call.', left(answer_doubt.outcome, 60));
  end if;
  perform taskledger.require_reason(answer_doubt.reason);
  if answer_doubt.outcome in ('unknown', 'released') then
    update taskledger.doubts d
       set take_digest = null, runner = null, last_reason = answer_doubt.reason,
           asked = d.asked - (answer_doubt.outcome = 'released')::int,
           ask_at = v_now + case answer_doubt.outcome when 'unknown' then v_pauses[least(d.asked, cardinality(v_pauses))] else '0' end
     where d.task_id = answer_doubt.task_id and d.take_digest = v_digest;
    return case when found then 'in_doubt' else 'refused' end;
  end if;
  -- Before any lock that others wait for: who holds no take must not hold up the task.
  if not exists (select from taskledger.doubts d where d.task_id = answer_doubt.task_id and d.take_digest = v_digest) then
    return 'refused';
  end if;
  return taskledger.end_doubt(answer_doubt.task_id, answer_doubt.outcome, answer_doubt.output, answer_doubt.reason, v_digest);
end $$;
