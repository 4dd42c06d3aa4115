-- Reads blocks of one stream into a slot of `incidents`, and moves its cursor over them; see project_tasks.
--
-- Locks:    move_cursor; then the rows it writes, which nobody else writes.
-- Index:    blocks_pkey, the stream's primary key for each run of members; the primary key of the slot.
-- Measured: `npm run bench -- projections`.
create or replace function taskledger.project_incidents(slot text, site text, from_block bigint, to_block bigint)
returns bigint
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set work_mem = '64MB'
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_expected bigint;
  v_events bigint;
begin
  v_expected := taskledger.move_cursor('incidents', project_incidents.slot, project_incidents.site, project_incidents.from_block, project_incidents.to_block);
  if v_expected is null then return null; end if;
  with read as materialized (
    select e.site, e.seq, e.type, e.occurred_at, e.actor, case when e.type in ('incident.raised', 'incident.closed') then e.data end as data
      from taskledger.blocks b
     cross join unnest(b.members) r(seqs)
     cross join lateral (select x.* from taskledger.events x
                          where x.site = project_incidents.site and x.seq >= lower(r.seqs) and x.seq < upper(r.seqs) offset 0) e
     where b.site = project_incidents.site and b.number between project_incidents.from_block and project_incidents.to_block
  ), raised as (
    select t.site, t.seq, t.data ->> 'kind' as kind, t.data ->> 'summary' as summary, t.occurred_at, t.actor
      from read t where t.type = 'incident.raised'
  ), closed as (
    -- The first event that closed it counts, also when a later one arrives before it.
    select distinct on (t.data -> 'incident' ->> 0, (t.data -> 'incident' ->> 1)::bigint)
           t.data -> 'incident' ->> 0 as site, (t.data -> 'incident' ->> 1)::bigint as seq, t.occurred_at, t.actor,
           t.data ->> 'resolution' as resolution, t.site as closed_site, t.seq as closed_seq
      from read t where t.type = 'incident.closed'
     order by t.data -> 'incident' ->> 0, (t.data -> 'incident' ->> 1)::bigint, t.site, t.seq
  ), written as (
    insert into taskledger.incident_rows as x (slot, site, seq, kind, summary, raised_at, raised_by, closed_at, closed_by, resolution,
                                               closed_site, closed_seq)
    select project_incidents.slot, coalesce(r.site, c.site), coalesce(r.seq, c.seq), r.kind, r.summary, r.occurred_at, r.actor,
           c.occurred_at, c.actor, c.resolution, c.closed_site, c.closed_seq
      from raised r full join closed c on c.site = r.site and c.seq = r.seq
    on conflict (slot, site, seq) do update set
      kind = coalesce(x.kind, excluded.kind), summary = coalesce(x.summary, excluded.summary),
      raised_at = coalesce(x.raised_at, excluded.raised_at), raised_by = coalesce(x.raised_by, excluded.raised_by),
      (closed_at, closed_by, resolution, closed_site, closed_seq) = (
        select f.* from (values (x.closed_at, x.closed_by, x.resolution, x.closed_site, x.closed_seq),
                                (excluded.closed_at, excluded.closed_by, excluded.resolution, excluded.closed_site, excluded.closed_seq))
                          f(closed_at, closed_by, resolution, closed_site, closed_seq)
         order by f.closed_site, f.closed_seq limit 1)
  )
  select count(*) into v_events from read;
  perform taskledger.require_events(project_incidents.site, project_incidents.from_block, project_incidents.to_block, v_expected, v_events);
  return v_events;
end $$;
