-- Opens this site again, once it has everything back that its peers know of its stream: under a new incarnation, so that no
-- number its lost transactions may have used is used twice. What was recorded here since the restore, and is in no block here or
-- there, is sealed next, as far as it fits what came back:
-- - decisions about a task of which decisions of the same versions came back are evidence only: all of them go to quarantine,
-- - other decisions whose number had been used are recorded anew, so that a task never has a part of its history,
-- - a task that was submitted under a key that another one has which came back is aborted: it is the same task.
-- The hot tables are made from the log. Peers that were removed meanwhile have left. Raises an incident that tells of it.
-- `used_seq`: the highest number that a peer knows of this stream, be it of an event that nobody could give back.
-- Answers the incarnation; null when the site was not recovering.
--
-- Locks:    pg_advisory_xact_lock(realm) of every realm of this site, exclusively; the rows of site and sealing; those of
--           displace_events.
-- Index:    a pass over the stream for what is in no block, and one over its submissions; (task_id, epoch, version) of the stream.
-- Measured: 4 ms on top of rebuild_open_tasks.
create or replace function taskledger.end_recovery(peers text[], unsealed int default 0, used_seq bigint default 0)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '10s'
as $$
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_site record;
  v_realm record;
  v_sealed int8multirange;
  v_wrong bigint[];
  v_told uuid[];
  v_again uuid[];
begin
  perform pg_advisory_xact_lock(hashtextextended('taskledger.realm.' || r.realm, 0))
     from (select r.realm from taskledger.realms r join taskledger.site s on s.name = r.owner order by r.realm) r;
  if not exists (select from taskledger.realms r join taskledger.site s on s.name = r.owner where r.state = 'recovering') then return null; end if;
  -- One more than any that left a number, not than the last this site knows: restored twice from one backup, it has been another
  -- one meanwhile. The first incarnation has nothing in the high bits.
  update taskledger.site s
     set incarnation = 1 + greatest(s.incarnation,
           1 + (greatest(end_recovery.used_seq, (select max(e.seq) from taskledger.events e where e.site = s.name)) >> 40))
  returning s.name, s.incarnation into v_site;
  perform setval('taskledger.event_seq', greatest((v_site.incarnation::bigint - 1) << 40, (select last_value from taskledger.event_seq)));
  -- In a variable it is unpacked once.
  select coalesce(range_agg(r), '{}') into v_sealed from taskledger.blocks b cross join unnest(b.members) r where b.site = v_site.name;
  -- What was taken back carries the xid of a transaction long ago.
  with since as materialized (
    select e.seq, e.task_id, e.version from taskledger.events e
     where e.site = v_site.name and e.xid <> '3' and e.version is not null and not e.seq <@ v_sealed
    union all
    select null, (q.content ->> 'task_id')::uuid, (q.content ->> 'version')::int from taskledger.quarantine q
     where q.site = v_site.name and q.what = 'event' and not q.reported and q.content ->> 'version' is not null
  ), told as (
    select s.task_id from (select s.task_id, min(s.version) as version from since s group by s.task_id) s
     where exists (select from taskledger.events e where e.task_id = s.task_id and e.site = v_site.name and e.xid = '3' and e.version >= s.version))
  select array_agg(s.seq) filter (where s.seq is not null), coalesce(array_agg(distinct s.task_id), '{}') into v_wrong, v_told
    from since s join told t on t.task_id = s.task_id;
  perform taskledger.displace_events(v_site.name, v_wrong, false);
  insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data)
  select v_site.name, nextval('taskledger.event_seq'), q.realm, q.epoch, q.task_id, q.version, q.type, q.occurred_at, q.actor, q.context, q.data
    from (select distinct on (c.task_id, c.epoch, c.version) c.*
            from taskledger.quarantine x
           cross join json_to_record(x.content) as c(seq bigint, realm text, epoch int, task_id uuid, version int, type text, occurred_at timestamptz,
                        actor text, context json, data json)
           where x.site = v_site.name and x.what = 'event' and not x.reported and c.version is not null and c.task_id <> all (v_told)
             and not exists (select from taskledger.events e where e.task_id = c.task_id and e.epoch = c.epoch and e.version = c.version)
           order by c.task_id, c.epoch, c.version, c.seq) q
   order by q.seq;
  -- Tasks with a key that were submitted here since the restore.
  v_again := array(select e.task_id from taskledger.events e
                    where e.site = v_site.name and e.xid <> '3' and not e.seq <@ v_sealed
                      and e.type = 'task.submitted' and e.data -> 'key' is not null);
  insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, data)
  select v_site.name, nextval('taskledger.event_seq'), a.realm, a.epoch, a.task_id, a.version + 1, 'task.aborted', v_now, session_user,
         json_build_object('reason', format('Submitted again after site %s was restored: task %s has its key.', v_site.name, a.first))
    from (select again.realm, again.epoch, again.task_id, (select max(e.version) from taskledger.events e where e.task_id = again.task_id) as version,
                 min(known.task_id::text) as first
            from taskledger.events again
            join taskledger.events known on known.site = again.site and known.type = again.type and known.realm = again.realm
             and known.task_id <> all (v_again) and known.data ->> 'key' = again.data ->> 'key' and known.data ->> 'name' = again.data ->> 'name'
           where again.site = v_site.name and again.type = 'task.submitted' and again.task_id = any (v_again)
             and not exists (select from taskledger.events e
                              where e.task_id = again.task_id and e.type in ('task.completed', 'task.failed', 'task.aborted', 'task.missed'))
           group by again.realm, again.epoch, again.task_id
           order by again.task_id) a;
  -- What answered a request may have given way: all are heard again, and those that were answered are passed over.
  delete from taskledger.request_cursors;
  -- Before anybody may claim: the hot tables are those of the older state, and so is the number of the next claim.
  perform setval('taskledger.claim_ids', greatest((select last_value from taskledger.claim_ids),
    (select coalesce(max((e.data ->> 'claim')::bigint), 1) from taskledger.events e where e.site = v_site.name and e.type = 'task.leased')));
  perform * from taskledger.rebuild_open_tasks();
  update taskledger.realms r set state = 'open' where r.owner = v_site.name and r.state = 'recovering';
  update taskledger.sealing s set snapshot = null, foreign_until = nextval('taskledger.event_seq');
  select * into v_realm from taskledger.enter_realm();
  insert into taskledger.events (site, seq, realm, epoch, type, occurred_at, actor, data)
  values (v_site.name, nextval('taskledger.event_seq'), v_realm.realm, v_realm.epoch, 'site.opened', v_now, session_user,
          ('{"name":"' || v_site.name || '","incarnation":' || v_site.incarnation || '}')::json);
  insert into taskledger.events (site, seq, realm, epoch, type, occurred_at, actor, data)
  select v_site.name, nextval('taskledger.event_seq'), v_realm.realm, v_realm.epoch, 'site.left', v_now, session_user,
         json_build_object('name', m.peer, 'reason', 'no peer any more after the restore')
    from (select distinct on (e.data ->> 'name') e.data ->> 'name' as peer, e.type from taskledger.events e
           where e.site = v_site.name and e.type in ('site.joined', 'site.left') order by e.data ->> 'name', e.seq desc) m
   where m.type = 'site.joined' and not exists (select from taskledger.peers p where p.site = m.peer);
  perform taskledger.raise_incident('site_restored',
    format('Site %s was restored from an older state, took back from %s what was missing of its stream, %s events that no block names among it, and goes on as incarnation %s.',
           v_site.name, array_to_string(peers, ', '), unsealed, v_site.incarnation),
    json_build_object('site', v_site.name, 'incarnation', v_site.incarnation, 'peers', to_json(peers), 'unsealed', unsealed));
  return v_site.incarnation;
end $$;
