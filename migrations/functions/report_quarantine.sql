-- Raises an incident for each kind of row that went to quarantine since the last call, one per stream. Answers how many.
--
-- Locks:    the rows of quarantine; enter_realm.
-- Index:    quarantine_unreported.
-- Measured: 0.02 ms when there is nothing.
create or replace function taskledger.report_quarantine()
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  v_found record;
  v_raised int := 0;
begin
  if not exists (select from taskledger.quarantine q where not q.reported) then return 0; end if;
  for v_found in
    with told as (
      update taskledger.quarantine q set reported = true
       where q.id in (select x.id from taskledger.quarantine x where not x.reported order by x.id limit 10000 for update skip locked)
      returning q.site, q.what, q.place)
    select t.site, t.what, count(*) as rows, min(t.place) as first, json_agg(t.place order by t.place) filter (where t.place is not null) as places
      from told t group by t.site, t.what
  loop
    perform taskledger.raise_incident('conflicting_' || v_found.what,
      format('What arrived as %s %s of site %s%s is not what is here under this identity. Both are kept: see taskledger.quarantine.',
             v_found.what, v_found.first, v_found.site, case when v_found.rows > 1 then format(' (and %s more)', v_found.rows - 1) else '' end),
      json_build_object('site', v_found.site, 'what', v_found.what, 'places', (select json_agg(p) from (select p from json_array_elements_text(v_found.places) p limit 20) p)));
    v_raised := v_raised + 1;
  end loop;
  return v_raised;
end $$;
