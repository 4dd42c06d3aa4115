-- Ends the doubt about a protected task whose lease was lost, as a person decided: `completed` (with its output), `failed`,
-- or `rerun`. Whatever a verify handler answers afterwards is refused. Answers the state the task is in now.
--
-- Locks:    end_doubt.
-- Index:    as end_doubt.
-- Measured: 0.13 ms per call, on a busy machine.
create or replace function taskledger.resolve(task_id uuid, outcome text, output json default null, reason text default null)
returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if resolve.outcome is null or resolve.outcome not in ('completed', 'failed', 'rerun') then
    raise exception using errcode = 'TL002',
      message = format('Expected the outcome completed, failed or rerun; found %L. Say what really happened.', resolve.outcome);
  end if;
  return taskledger.end_doubt(resolve.task_id, resolve.outcome, resolve.output, taskledger.require_reason(resolve.reason));
end $$;
