-- The name of the slot a peer reads this site's stream from, and of the subscription there. Per server: two ledgers on one
-- server may have sites of one name, so it ends with what tells their databases apart.
--
-- Locks:    none.
-- Index:    none.
-- Measured: 0.02 ms.
create or replace function taskledger.slot_name(subscriber text, subscriber_id uuid, publisher text, publisher_id uuid)
returns text
language sql immutable
set search_path = pg_catalog, pg_temp
return 'tl_' || replace(left(subscriber, 20), '-', '_') || '_' || replace(left(publisher, 20), '-', '_') || '_'
       || left(encode(sha256(uuid_send(subscriber_id) || uuid_send(publisher_id)), 'hex'), 8);
