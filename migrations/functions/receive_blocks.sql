-- Stores blocks and keys of a received stream that were pulled; blocks as JSON rows with binary values in hex. What is here
-- already is left alone; a different block or key under a known identity goes to quarantine (see gate_block). Answers how
-- many blocks were new. Their signatures and events are checked by the prover, as those of any block that arrives.
--
-- Locks:    those of the gates.
-- Index:    blocks_pkey, site_keys_pkey.
-- Measured: `npm run bench -- replication --parts repair`.
create or replace function taskledger.receive_blocks(stream text, keys json, blocks json)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  v_new int;
begin
  perform taskledger.require_received(stream);
  insert into taskledger.site_keys (site, key_id, public_key, added_at)
  select stream, k.key_id, decode(k.public_key, 'hex'), k.added_at
    from json_to_recordset(receive_blocks.keys) as k(key_id text, public_key text, added_at timestamptz)
  on conflict do nothing;
  with added as (
    insert into taskledger.blocks (site, number, members, event_count, root, prev_hash, hash, sealed_at, sealed_by, format, key_id, signature, leaf_hints)
    select stream, b.number, b.members, b.event_count, decode(b.root, 'hex'), decode(b.prev_hash, 'hex'), decode(b.hash, 'hex'), b.sealed_at,
           b.sealed_by, b.format, b.key_id, decode(b.signature, 'hex'), decode(b.leaf_hints, 'hex')
      from json_to_recordset(receive_blocks.blocks) as b(number bigint, members int8multirange, event_count int, root text, prev_hash text,
             hash text, sealed_at timestamptz, sealed_by text, format smallint, key_id text, signature text, leaf_hints text)
     order by b.number
    on conflict do nothing
    returning 1)
  select count(*) into v_new from added;
  return v_new;
end $$;
