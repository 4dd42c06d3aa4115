-- Puts a block itself right, with what a peer has of it, given as one row of receive_blocks: it may be altered here, or missing,
-- or another one may have been put in its place. The log says what is right: the block after it names its hash, or what this
-- site has proven last is this block, or is the one it goes on from. What is displaced goes to quarantine; an incident tells of it
-- already. Answers whether anything was done. Its signature and events are checked by the prover, as ever.
--
-- Locks:    pg_advisory_xact_lock(blocks of the stream), as the gate of blocks; SHARE ROW EXCLUSIVE on blocks while one is displaced.
-- Index:    blocks_pkey, proofs_pkey.
-- Measured: not yet; once per block that somebody orders to be repaired.
create or replace function taskledger.repair_block(stream text, block bigint, given json)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set lock_timeout = '10s'
as $$
#variable_conflict use_column
declare
  v_right taskledger.blocks;
  v_here taskledger.blocks;
  v_mark record;
  v_next bytea;
begin
  if not exists (select from taskledger.repairs r where r.site = stream and r.block = repair_block.block and r.done_at is null) then
    raise exception using errcode = 'TL052',
      message = format('Expected block %s of site %s to be ordered to be repaired; found no such order. Run: taskledger site repair %s.', block, stream, stream);
  end if;
  select stream, g.number, g.members, g.event_count, decode(g.root, 'hex'), decode(g.prev_hash, 'hex'), decode(g.hash, 'hex'), g.sealed_at, g.sealed_by,
         g.format, g.key_id, decode(g.signature, 'hex'), decode(g.leaf_hints, 'hex')
    into v_right
    from json_to_record(given) as g(number bigint, members int8multirange, event_count int, root text, prev_hash text, hash text, sealed_at timestamptz,
           sealed_by text, format smallint, key_id text, signature text, leaf_hints text)
   where g.number = repair_block.block;
  if not found then return false; end if;
  perform pg_advisory_xact_lock(hashtextextended('taskledger.blocks.' || stream, 0));
  select * into v_here from taskledger.blocks b where b.site = stream and b.number = repair_block.block;
  if v_here = v_right then return false; end if;
  select p.number, p.hash into v_mark from taskledger.proofs p join taskledger.site s on s.name = p.by_site where p.of_site = stream;
  select b.prev_hash into v_next from taskledger.blocks b where b.site = stream and b.number = repair_block.block + 1;
  if v_right.hash <> sha256(convert_to('taskledger block ' || v_right.format || E'\n' || stream || E'\n' || block || E'\n'
       || (select encode(sha256(convert_to(string_agg(lower(r) || case when upper(r) = lower(r) + 1 then '' else '-' || (upper(r) - 1) end, ',' order by lower(r)), 'UTF8')), 'hex')
             from unnest(v_right.members) r) || E'\n'
       || v_right.event_count || E'\n' || encode(v_right.root, 'hex') || E'\n' || encode(v_right.prev_hash, 'hex') || E'\n'
       || (extract(epoch from v_right.sealed_at) * 1000)::bigint || E'\n' || v_right.sealed_by, 'UTF8'))
     or not coalesce(case when block < v_mark.number then v_right.hash = v_next
                          when block = v_mark.number then v_right.hash = v_mark.hash
                          else block = coalesce(v_mark.number, 0) + 1 and v_right.prev_hash = coalesce(v_mark.hash, decode(repeat('00', 32), 'hex')) end, false) then
    return false;
  end if;
  alter table taskledger.blocks disable trigger user;
  with gone as (delete from taskledger.blocks b where b.site = stream and b.number = repair_block.block returning b.*)
  insert into taskledger.quarantine (site, what, place, content, received_at, reported)
  select stream, 'block', g.number, row_to_json(g), date_trunc('milliseconds', clock_timestamp()), true from gone g;
  insert into taskledger.blocks select v_right.*;
  alter table taskledger.blocks enable always trigger refuse_change, enable always trigger refuse_change_row, enable always trigger refuse_truncate,
    enable always trigger gate;
  return true;
end $$;
