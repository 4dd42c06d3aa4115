-- Takes back events of the own stream that a peer has and that no block names: this site had recorded them, and was restored
-- from an older state before it had sealed them, or its peers their block. Given as for receive_events. What was recorded here
-- since the restore and has taken their place gives way, to quarantine. No signature speaks for them: the incident of the
-- recovery says how many there were. Only while the site recovers. Answers how many were new.
--
-- Locks:    pg_advisory_xact_lock(stream); those of displace_events while something is displaced.
-- Index:    the stream's primary key, its (task_id, epoch, version); all blocks, for what is displaced.
-- Measured: not yet; once per peer and recovery, for what a site records within a tick of its sealer.
create or replace function taskledger.take_back_events(events json)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set lock_timeout = '10s'
as $$
#variable_conflict use_column
declare
  v_site text;
  v_wrong bigint[];
  v_new int;
begin
  select s.name into v_site from taskledger.site s;
  perform taskledger.require_received(v_site);
  perform pg_advisory_xact_lock(hashtextextended('taskledger.stream.' || v_site, 0));
  select array_agg(distinct e.seq) into v_wrong
    from json_to_recordset(take_back_events.events) as g(seq bigint, realm text, epoch int, task_id uuid, version int, type text,
           occurred_at timestamptz, actor text, context text, data text)
    join taskledger.events e on e.site = v_site
     and (e.seq = g.seq and (e.task_id, e.version, e.type, e.occurred_at, e.data::text) is distinct from (g.task_id, g.version, g.type, g.occurred_at, g.data)
          or e.seq <> g.seq and e.task_id = g.task_id and e.epoch = g.epoch and e.version = g.version)
   -- What was taken back already, from this peer or another, stays.
   where e.xid <> '3' and not exists (select from taskledger.blocks b where b.site = v_site and b.members @> e.seq);
  perform taskledger.displace_events(v_site, v_wrong, false);
  with added as (
    insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data, xid)
    select v_site, g.seq, g.realm, g.epoch, g.task_id, g.version, g.type, g.occurred_at, g.actor, g.context::json, g.data::json, '3'
      from json_to_recordset(take_back_events.events) as g(seq bigint, realm text, epoch int, task_id uuid, version int, type text,
             occurred_at timestamptz, actor text, context text, data text)
     order by g.seq
    on conflict do nothing
    returning 1)
  select count(*) into v_new from added;
  return v_new;
end $$;
