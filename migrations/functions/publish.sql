-- Publishes what this site alone writes: its stream, its blocks and its keys, insert only, so that nothing anybody does to a
-- stored row is shipped; its marks in a publication of their own, which ships updates. Every column is named: local ones are
-- left out, and one that a migration adds here does not stop a peer that has not got it yet.
-- The subscriber's slot must be made after this was committed.
--
-- Locks:    SHARE UPDATE EXCLUSIVE on the published tables.
-- Index:    none.
-- Measured: 0.02 ms when there is nothing to do; else within add_peer.
create or replace function taskledger.publish()
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_site text;
begin
  if exists (select from pg_publication p where p.pubname = 'taskledger_marks') then return; end if;
  select s.name into strict v_site from taskledger.site s;
  execute format('create publication taskledger for table
      taskledger.%I (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data),
      taskledger.blocks (site, number, members, event_count, root, prev_hash, hash, sealed_at, sealed_by, format, key_id, signature, leaf_hints)
        where (site = %L),
      taskledger.site_keys (site, key_id, public_key, added_at) where (site = %L) with (publish = ''insert'')',
    'events_' || replace(v_site, '-', '_'), v_site, v_site);
  execute format('create publication taskledger_marks for table taskledger.proofs (by_site, of_site, number, hash, proved_at) where (by_site = %L) with (publish = ''insert, update'')', v_site);
end $$;
