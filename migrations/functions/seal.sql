-- Stores the blocks of one tick of the sealer and the snapshot they were made from, in one commit that waits for the disk:
-- blocks go on from the head that is stored, number by number, each naming the hash of the one before. `blocks` is a JSON
-- array of {"number", "members", "event_count", "root", "prev_hash", "hash", "sealed_at_ms", "signature", "leaf_hints"},
-- binary values in hex.
--
-- Locks:    pg_advisory_xact_lock_shared of sealing, by which begin_recovery sees a tick that is under way; the row of sealing;
--           the primary key of blocks is the fence between two sealers: the later one fails.
-- Index:    blocks_pkey.
-- Measured: 0.2 ms for one block.
create or replace function taskledger.seal(snapshot text, key_id text, blocks json)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set synchronous_commit = on
as $$
declare
  v_site text;
  v_number bigint;
  v_hash bytea;
  v_block record;
begin
  -- A tick that commits is on disk: its snapshot must never be ahead of the blocks it speaks of. The setting of this
  -- function ends with it, and it is the commit that counts.
  perform set_config('synchronous_commit', 'on', true);
  perform pg_advisory_xact_lock_shared(hashtextextended('taskledger.sealing', 0));
  select s.name into v_site from taskledger.site s;
  if not exists (select from taskledger.site_keys k where k.site = v_site and k.key_id = seal.key_id) then
    raise exception using errcode = 'TL020',
      message = format('Expected a key of site %s; found %L, which it does not know. Run: taskledger site init, with this key.', v_site, left(seal.key_id, 64));
  end if;
  select b.number, b.hash into v_number, v_hash from taskledger.blocks b where b.site = v_site order by b.number desc limit 1;
  v_number := coalesce(v_number, 0);
  v_hash := coalesce(v_hash, decode(repeat('00', 32), 'hex'));
  for v_block in
    select * from json_to_recordset(seal.blocks)
      as b(number bigint, members int8multirange, event_count int, root text, prev_hash text, hash text, sealed_at_ms bigint, signature text, leaf_hints text)
     order by b.number
  loop
    if v_block.number <> v_number + 1 or decode(v_block.prev_hash, 'hex') <> v_hash then
      raise exception using errcode = 'TL021',
        message = format('Expected block %s of site %s to go on from its head; found number %s. Another sealer was faster: begin the tick again.', v_number + 1, v_site, v_block.number);
    end if;
    v_number := v_block.number;
    v_hash := decode(v_block.hash, 'hex');
    insert into taskledger.blocks (site, number, members, event_count, root, prev_hash, hash, sealed_at, sealed_by, format, key_id, signature, leaf_hints)
    values (v_site, v_number, v_block.members, v_block.event_count, decode(v_block.root, 'hex'), decode(v_block.prev_hash, 'hex'), v_hash,
            to_timestamp(v_block.sealed_at_ms / 1000.0), v_site, 1, seal.key_id, decode(v_block.signature, 'hex'), decode(v_block.leaf_hints, 'hex'));
  end loop;
  update taskledger.sealing s set snapshot = seal.snapshot::pg_snapshot;
end $$;
