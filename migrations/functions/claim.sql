-- Leases up to `max_tasks` due tasks of the given names to one runner: one task.leased event each, in one transaction.
-- Answers one row, or none when nothing is due: the claim, its secret (only its SHA-256 is stored), the end of the leases,
-- and a JSON array of [task id, lease epoch, lease version, attempt, run_at, data of the submit event, checkpoint if any].
-- A runner that makes the secret itself (`own_secret`, a new one for each call) can ask recall_claims() what became of a
-- claim whose answer was lost; without one the secret is made here.
--
-- `lanes` are the lanes the runner knows, [{"name", "pin", "queue", "priority", "group", "from", "from_id", "share"}] in the order
-- to look at them: only these are looked at, each after its low-water mark, the run_at and id of the last task it gave. A lane
-- gets its `share` of what is left then, so that a busy lane does not starve those that come after it (or one part in
-- `lanes_left`). Without `lanes` those of `names` (and `queues`) are looked for and shared here, each from its start;
-- `next_group` then says after which group to look next time, if there were too many. So are known lanes where a rule says
-- what weight they have, or how their queue ages. Rows that commit late, or come with a higher priority, are found by that wider look
-- alone: a runner takes it at least every second. With `wider`, lanes that are not among `lanes` are looked for beside them, and a lane
-- may be named once more with the end of a part of it, "until", which is looked at again: a wider look in parts, for where an old
-- snapshot keeps so many entries of ended tasks that a look from the start takes long.
--
-- `offers` says what the runner can run, [{"name", "pin", "leased"}], instead of `names`: lanes of no other name and pin are looked
-- at, and the members of `leased` (plugin, manifest_digest, limits) are recorded in each lease event. Without it: the
-- lanes of `names` that ask for no plugin.
--
-- A lane that a rule caps gives what the caps leave, and nothing while another claim is at the rule; other lanes pay one look
-- for rules. With `tell_again` the answer has a row also when nothing was leased but may be in `again_ms`.
--
-- Locks:    enter_realm; then, lane by lane, the rules that cap it (enter_caps) and the picked rows of open_tasks, each SKIP
--           LOCKED, never waiting; then its own row of claims.
-- Index:    open_tasks_lane for the rows of each lane; tids for the update; the stream's primary key for the inputs.
-- Measured: 19 us per task in claims of 500, 0.25 ms for one task of a known lane and 0.35 ms for one of any, with 1 M open tasks and
--           no statistics (`npm run bench -- functions`). A prototype with one `any(queues) … order by priority` sorted a
--           million waiting rows for each claim (1.5 s). A row that changed between pick and update is left for the next claim.
create or replace function taskledger.claim(names text[], max_tasks int, runner text, host text, ttl_ms int default 15000,
                                            queues text[] default null, lanes json default null, realm text default null,
                                            own_secret text default null, offers json default null,
                                            tell_again boolean default false, after_group text default '', wider boolean default false)
returns table (claim_id bigint, secret text, lease_until timestamptz, tasks text, again_ms int, next_group text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set enable_sort = off
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_actor constant text := session_user;
  v_here record;
  v_lane record;
  v_digest bytea;
  v_grant text;
  v_names text[] := names;
  v_pins text[];
  v_leased text[];
  v_left int := max_tasks;
  v_ids uuid[] := '{}';
  v_lane_ids uuid[];
  v_lane_tasks text;
  v_caps record;
  v_room int;
  v_shut text[] := '{}';
  v_lanes json := lanes;
begin
  if max_tasks is null or max_tasks not between 1 and 10000 or ttl_ms is null or ttl_ms not between 1000 and 3600000 then
    raise exception using errcode = 'TL002',
      message = format('Expected max_tasks from 1 to 10000 and ttl_ms from 1000 to 3600000; found %s and %s. Correct the call.', max_tasks, ttl_ms);
  end if;
  if claim.offers is not null then
    select o.names, o.pins, o.leased into v_names, v_pins, v_leased from taskledger.read_offers(claim.offers) o;
  end if;
  v_here := taskledger.enter_realm(claim.realm);
  if v_lanes is null or claim.wider then
    v_lanes := (coalesce(v_lanes::jsonb, '[]')
                || taskledger.present_lanes(v_names, claim.queues, v_pins, claim.after_group, known => v_lanes)::jsonb)::json;
    if json_array_length(v_lanes) > 1 then
      next_group := (select min(l.lane ->> 'group') from json_array_elements(v_lanes) l(lane) where (l.lane ->> 'more')::boolean);
      v_lanes := taskledger.share_lanes(v_lanes);
    end if;
  elsif json_array_length(v_lanes) > 1
        and exists (select from taskledger.rules r
                     where r.weight <> 1
                        or r.ages_ms is not null and r.about in (select 'queue:' || (l.lane ->> 'queue') from json_array_elements(v_lanes) l(lane)))
  then
    v_lanes := taskledger.share_lanes(v_lanes);
  end if;

  for v_lane in
    select l.name, coalesce(l.pin, '') as pin, l.queue, l.priority, coalesce(l."group", '') as "group",
           coalesce(l."from", l.start, '-infinity') as from_time, l.until,
           coalesce(l.from_id, '00000000-0000-0000-0000-000000000000') as from_id, coalesce(l.share, 1.0 / coalesce(l.lanes_left, 1)) as share,
           case when claim.offers is null then case when l.name = any (v_names) and coalesce(l.pin, '') = '' then '' end
                else (select o.leased from unnest(v_names, v_pins, v_leased) o(name, pin, leased)
                       where o.name = l.name and o.pin = coalesce(l.pin, '') limit 1) end as leased,
           (select array_agg(r.about) from taskledger.rules r
             where r.about = any (array['queue:' || l.queue, 'task:' || l.name, 'group:' || l."group"])
               and (r.concurrency is not null or r.rate is not null or r.paused)) as caps
      from json_to_recordset(v_lanes)
             as l(name text, pin text, queue text, priority smallint, "group" text, "from" timestamptz, from_id uuid, start timestamptz,
                  until timestamptz, lanes_left int, share float8)
  loop
    continue when v_lane.leased is null or v_lane.caps && v_shut;
    -- Rounded up, but not by what floats are off.
    v_room := greatest(1, ceil(v_left * v_lane.share - 0.000001));
    if v_lane.caps is not null then
      v_caps := taskledger.enter_caps(v_lane.caps, v_now);
      v_room := least(v_room, v_caps.room);
      if v_room = 0 then
        v_shut := v_shut || v_caps.shut;
        again_ms := least(again_ms, v_caps.again_ms);
        continue;
      end if;
    end if;
    if v_digest is null then
      claim_id := nextval('taskledger.claim_ids');
      secret := coalesce(claim.own_secret, gen_random_uuid()::text);
      lease_until := v_now + claim.ttl_ms * interval '1 millisecond';
      v_digest := taskledger.secret_digest(secret);
      v_grant := ',"claim":"' || claim_id || '","runner":' || to_json(claim.runner)::text || ',"host":' || to_json(claim.host)::text
        || ',"ttl_ms":' || claim.ttl_ms || ',"lease_digest":"' || encode(v_digest, 'hex') || '"';
    end if;
    with picked as (
      select t.ctid as tid
        from taskledger.open_tasks t
       where t.name = v_lane.name and t.pin = v_lane.pin and t.queue = v_lane.queue and t.rank = -v_lane.priority
         and t."group" = v_lane."group"
         and (t.run_at, t.task_id) > (v_lane.from_time, v_lane.from_id) and t.run_at <= least(v_now, v_lane.until)
         and t.state = 'pending' and t.realm = v_here.realm
         and (t.start_before is null or t.start_before > v_now or t.attempt > 0) and (t.deadline is null or t.deadline > v_now)
       order by t.run_at, t.task_id
       limit v_room
         for update skip locked
    ), leased as (
      update taskledger.open_tasks t
         set state = 'leased', version = t.version + 1, lease_epoch = v_here.epoch, lease_version = t.version + 1,
             attempt = t.attempt + 1, claim_id = claim.claim_id
        from picked
       where t.ctid = picked.tid
      returning t.task_id, t.version, t.attempt, t.run_at, t.submitted_site, t.submitted_seq, t.checkpoint
    ), logged as (
      insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, data)
      select v_here.site, nextval('taskledger.event_seq'), v_here.realm, v_here.epoch, l.task_id, l.version,
             'task.leased', v_now, v_actor, ('{"attempt":' || l.attempt || v_grant || v_lane.leased || '}')::json
        from leased l
    )
    select array_agg(l.task_id),
           string_agg('["' || l.task_id || '",' || v_here.epoch || ',' || l.version || ',' || l.attempt || ',' || to_json(l.run_at)::text || ',' || s.data::text || coalesce(',' || l.checkpoint::text, '') || ']', ',')
      into v_lane_ids, v_lane_tasks
      from leased l join taskledger.events s on s.site = l.submitted_site and s.seq = l.submitted_seq;
    if v_lane_ids is not null then
      if v_lane.caps is not null then
        perform taskledger.take_places(v_lane.caps, v_lane_ids, v_now);
      end if;
      v_ids := v_ids || v_lane_ids;
      tasks := coalesce(tasks || ',', '') || v_lane_tasks;
      v_left := v_left - cardinality(v_lane_ids);
      exit when v_left <= 0;
    end if;
  end loop;

  if cardinality(v_ids) > 0 then
    insert into taskledger.claims (claim_id, lease_until, heartbeat_at, ttl_ms, secret_digest, runner, host, open, task_ids)
    values (claim.claim_id, claim.lease_until, v_now, claim.ttl_ms, v_digest, claim.runner, claim.host, cardinality(v_ids), v_ids)
    on conflict (secret_digest) do nothing;
    if not found then
      -- Asked about before it came: its runner has been told that it was never made.
      raise exception using errcode = 'TL014', message =
        'Expected a secret no claim has used, and nobody has asked about; found one. Make a new one for each claim; nothing was leased.';
    end if;
    tasks := '[' || tasks || ']';
    return next;
  elsif claim.tell_again and coalesce(again_ms::text, next_group) is not null then
    claim_id := null; secret := null; lease_until := null;
    return next;
  end if;
end $$;
