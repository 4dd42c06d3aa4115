-- Puts right the events of one block from what a peer has of them, given as for receive_events. The block itself says what is
-- right: an event that is here stays unless its hash is not the one the block keeps of it (leaf_hints), and what takes its
-- place must have that hash. So nothing sealed can be replaced by anything else, whoever calls this. What is displaced goes to
-- quarantine; of a block that somebody ordered to be repaired an incident tells already. Else only for the own stream while
-- the site recovers, where unsealed events that claim the same version of a task give way too, and an incident is raised for
-- what is displaced. Answers how many events were put right.
--
-- Locks:    pg_advisory_xact_lock(stream); those of displace_events while something is displaced.
-- Index:    blocks_pkey, the stream's primary key, its (task_id, epoch, version).
-- Measured: with `npm run bench -- replication --parts repair`.
create or replace function taskledger.repair_events(stream text, block bigint, events json)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set lock_timeout = '10s'
as $$
#variable_conflict use_column
declare
  v_recovers constant boolean := exists (select from taskledger.realms r where r.owner = stream and r.state = 'recovering');
  v_block record;
  v_right json;
  v_seqs bigint[];
  v_hints bytea[];
  v_wrong bigint[];
  v_new int;
begin
  if not v_recovers and not exists (select from taskledger.repairs r where r.site = stream and r.block = repair_events.block and r.done_at is null) then
    raise exception using errcode = 'TL052',
      message = format('Expected block %s of site %s to be ordered to be repaired; found no such order. Run: taskledger site repair %s.', block, stream, stream);
  end if;
  perform pg_advisory_xact_lock(hashtextextended('taskledger.stream.' || stream, 0));
  select b.members, b.leaf_hints into v_block from taskledger.blocks b where b.site = stream and b.number = repair_events.block;
  -- Of what was given, what the block says is right. No temporary table: the owner of the schema may have no right to one.
  select json_agg(g.event), array_agg(g.seq), array_agg(g.hint) into v_right, v_seqs, v_hints
    from (select raw.event, g.seq, substr(v_block.leaf_hints, ((m.before + g.seq - m.first) * 4)::int + 1, 4) as hint,
                 sha256('\x00' || convert_to('tl1' || E'\n' || stream || E'\n' || g.seq::text || E'\n' || g.realm || E'\n' || g.epoch::text || E'\n'
                   || coalesce(g.task_id::text, '') || E'\n' || coalesce(g.version::text, '') || E'\n' || g.type || E'\n'
                   || (extract(epoch from g.occurred_at) * 1000)::bigint::text || E'\n' || g.actor || E'\n'
                   || coalesce(encode(sha256(convert_to(g.context, 'UTF8')), 'hex'), '') || E'\n'
                   || encode(sha256(convert_to(g.data, 'UTF8')), 'hex'), 'UTF8')) as leaf
            from json_array_elements(repair_events.events) as raw(event)
           cross join lateral json_to_record(raw.event) as g(seq bigint, realm text, epoch int, task_id uuid, version int, type text,
                   occurred_at timestamptz, actor text, context text, data text)
            join lateral (select lower(r) as first, upper(r) as beyond, sum(upper(r) - lower(r)) over (order by lower(r)) - (upper(r) - lower(r)) as before
                            from unnest(v_block.members) r) m on g.seq >= m.first and g.seq < m.beyond) g
   where substr(g.leaf, 1, 4) = g.hint;
  select array_agg(l.seq) into v_wrong
    from taskledger.leaves(stream, v_seqs) l join unnest(v_seqs, v_hints) g(seq, hint) on g.seq = l.seq
   where substr(l.leaf, 1, 4) <> g.hint;
  if v_recovers then
    v_wrong := v_wrong || (select array_agg(e.seq)
      from json_to_recordset(v_right) as g(seq bigint, epoch int, task_id uuid, version int)
      join taskledger.events e on e.site = stream and e.task_id = g.task_id and e.epoch = g.epoch and e.version = g.version and e.seq <> g.seq
     where not exists (select from taskledger.blocks b where b.site = stream and b.members @> e.seq));
  end if;
  if not v_recovers then
    v_wrong := v_wrong || array(select x.seq from taskledger.extra_events(stream, repair_events.block, repair_events.block) x);
  end if;
  perform taskledger.displace_events(stream, v_wrong, not v_recovers);
  with added as (
    insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data, xid)
    select stream, g.seq, g.realm, g.epoch, g.task_id, g.version, g.type, g.occurred_at, g.actor, g.context::json, g.data::json, '3'
      from json_to_recordset(v_right) as g(seq bigint, realm text, epoch int, task_id uuid, version int, type text, occurred_at timestamptz,
             actor text, context text, data text)
     order by g.seq
    on conflict do nothing
    returning 1)
  select count(*) into v_new from added;
  return v_new;
end $$;
