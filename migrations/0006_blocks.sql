-- Blocks: what makes the history provable. A sealer turns the stream into blocks: which events, the Merkle root over them,
-- a link to the block before, a signature. A block once sealed is never changed (I7), and from the moment its head is known
-- outside this database, no change to its events can stay hidden, whoever made it. Format: docs/reference/proof-format.md.

create table taskledger.blocks (
  site        text collate "C" not null,
  number      bigint           not null check (number >= 1),
  members     int8multirange   not null,             -- exactly these seqs; read by join on unnest(members), never by seq <@ members
  event_count int              not null check (event_count >= 1),
  root        bytea            not null check (octet_length(root) = 32),
  prev_hash   bytea            not null check (octet_length(prev_hash) = 32),
  hash        bytea            not null check (octet_length(hash) = 32),
  sealed_at   timestamptz(3)   not null check (isfinite(sealed_at)),
  sealed_by   text collate "C" not null,             -- the site itself, or who closed the stream of a lost one
  format      smallint         not null,
  key_id      text collate "C" not null,
  signature   bytea            not null check (octet_length(signature) = 64),
  leaf_hints  bytea            not null,             -- 4 bytes of each leaf hash in seq order: not proof, but the finger that points at the altered event
  primary key (site, number)
);

comment on table taskledger.blocks is 'Sealed runs of the streams: the unit of proof, of consumption and of comparison between sites.';

-- Public keys of the sites, for ever: a block sealed with a key that was replaced since must still verify. The private key
-- is never in the database.
create table taskledger.site_keys (
  site       text collate "C" not null,
  key_id     text collate "C" not null,              -- SHA-256 of the key, hex, its first 32 digits
  public_key bytea            not null check (octet_length(public_key) = 32), -- Ed25519, raw
  added_at   timestamptz(3)   not null,
  primary key (site, key_id)
);

-- How far the own stream is sealed: the snapshot of the last tick. One row; local to this cluster, whose transaction ids it
-- speaks of.
create table taskledger.sealing (
  one           boolean     primary key default true check (one),
  snapshot      pg_snapshot,                         -- null: begin with what is in no block yet
  foreign_until bigint      not null default 0       -- events up to this seq carry transaction ids of another cluster (a restored dump)
);
insert into taskledger.sealing (snapshot) values (null);

create trigger refuse_change before update or delete on taskledger.blocks
  for each statement execute function taskledger.refuse_change();
create trigger refuse_change_row before update or delete on taskledger.blocks
  for each row execute function taskledger.refuse_change();
create trigger refuse_truncate before truncate on taskledger.blocks
  for each statement execute function taskledger.refuse_change();
alter table taskledger.blocks enable always trigger refuse_change;
alter table taskledger.blocks enable always trigger refuse_change_row;
alter table taskledger.blocks enable always trigger refuse_truncate;
create trigger refuse_change before update or delete on taskledger.site_keys
  for each statement execute function taskledger.refuse_change();
create trigger refuse_truncate before truncate on taskledger.site_keys
  for each statement execute function taskledger.refuse_change();
alter table taskledger.site_keys enable always trigger refuse_change;
alter table taskledger.site_keys enable always trigger refuse_truncate;
