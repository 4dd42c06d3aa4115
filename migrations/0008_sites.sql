-- Sites: what one datacenter knows of the others. Each site publishes its own stream and subscribes to those of all others;
-- what is missing is pulled; what arrived is proven before anything reads it.

-- Who this site is, apart from its name: two databases that were given one name are told apart by it.
alter table taskledger.site add column id uuid not null default gen_random_uuid();

-- A site that finds its peers know more of its stream than it does (a restored backup) takes no commands until it has it back.
alter table taskledger.realms drop constraint realms_state_check;
alter table taskledger.realms add constraint realms_state_check check (state in ('open', 'draining', 'released', 'recovering'));

-- The streams that are kept here, the own one among them.
create table taskledger.streams (
  site   text collate "C" primary key,
  own    boolean not null,
  sealed boolean not null default false,             -- closed by a takeover: nothing of it is acknowledged any more
  halted json                                        -- nothing reads on from a block that does not prove: {"block": "7", "why": …, "incident": [site, seq]}
);
insert into taskledger.streams (site, own) select s.name, true from taskledger.site s;

-- The other sites, and how this one reaches them. Local: each site has its own ways and secrets.
create table taskledger.peers (
  site      text collate "C" primary key references taskledger.streams,
  id        uuid             not null,               -- another database that answers under this name is refused
  url       text             not null,               -- a secret: of a user of the peer with REPLICATION and the role taskledger_peer
  transport text             not null check (transport in ('logical', 'pull')),
  added_at  timestamptz(3)   not null
);

-- Who has proven how much of which stream: every row is written by `by_site` and shipped to all others. Of its own stream a
-- site says how far it is sealed.
create table taskledger.proofs (
  by_site   text collate "C" not null,
  of_site   text collate "C" not null,
  number    bigint           not null,
  hash      bytea            not null,
  proved_at timestamptz(3)   not null,
  primary key (by_site, of_site)
);

-- What arrived under an identity that was already taken by something else. Kept as evidence; never read by anything.
create table taskledger.quarantine (
  id          bigint generated always as identity primary key,
  site        text collate "C" not null,             -- the stream
  what        text             not null check (what in ('event', 'block', 'key')),
  place       text             not null,             -- seq, block number or key id
  content     json             not null,
  received_at timestamptz(3)   not null,
  reported    boolean          not null default false -- an incident was raised for it
);
create index quarantine_unreported on taskledger.quarantine (id) where not reported;

-- Blocks that were right once and are not any more, found by checking again; closed when they are.
create table taskledger.faults (
  site     text collate "C" not null,                -- the stream
  block    bigint           not null,
  incident bigint           not null,                -- seq of the event that tells of it
  primary key (site, block)
);

-- Blocks somebody ordered to be made right from what a peer has of them. The links do it: they know the way and its secret.
create table taskledger.repairs (
  id         bigint generated always as identity primary key,
  site       text collate "C" not null,              -- the stream
  block      bigint           not null,
  ordered_at timestamptz(3)   not null,
  ordered_by text             not null default session_user,
  done_at    timestamptz(3),
  done_from  text,                                   -- the peer
  events     int                                     -- put right; what they replaced is in quarantine
);
create index repairs_open on taskledger.repairs (id) where done_at is null;

-- What the daemon last saw of each link. Unlogged: after a crash it looks again.
create unlogged table taskledger.link_states (
  site       text collate "C" primary key,
  checked_at timestamptz(3)   not null,
  state      json             not null
);

-- The gate: a row that is already here must be skipped, since a duplicate key would make the apply worker fail for ever.
-- Checking every event costs half as much again, so that gate is closed only while a repair runs; blocks and keys are few.
-- A repair takes the same lock: the trigger cannot see a row that the other one has not committed.
create function taskledger.gate_event() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp
  -- Planned anew for each row, since that finds the one leaf, it takes six times as long.
  set plan_cache_mode = force_generic_plan as $$
declare
  v_known taskledger.events%rowtype;
begin
  perform pg_advisory_xact_lock(hashtextextended('taskledger.stream.' || new.site, 0));
  select * into v_known from taskledger.events e where e.site = new.site and e.seq = new.seq;
  if not found then return new; end if;
  if (v_known.realm, v_known.epoch, v_known.type, v_known.occurred_at, v_known.actor, v_known.data::text)
       is distinct from (new.realm, new.epoch, new.type, new.occurred_at, new.actor, new.data::text)
     or (v_known.task_id, v_known.version, v_known.context::text) is distinct from (new.task_id, new.version, new.context::text) then
    insert into taskledger.quarantine (site, what, place, content, received_at)
    values (new.site, 'event', new.seq, row_to_json(new), date_trunc('milliseconds', clock_timestamp()));
  end if;
  return null;
end $$;

create function taskledger.gate_block() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_hash bytea;
begin
  -- Of the own stream the primary key is the fence between two sealers.
  if exists (select from taskledger.streams s where s.site = new.site and s.own) then return new; end if;
  perform pg_advisory_xact_lock(hashtextextended('taskledger.blocks.' || new.site, 0));
  select b.hash into v_hash from taskledger.blocks b where b.site = new.site and b.number = new.number;
  if not found then return new; end if;
  if v_hash <> new.hash then
    insert into taskledger.quarantine (site, what, place, content, received_at)
    values (new.site, 'block', new.number, row_to_json(new), date_trunc('milliseconds', clock_timestamp()));
  end if;
  return null;
end $$;

create function taskledger.gate_key() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_key bytea;
begin
  perform pg_advisory_xact_lock(hashtextextended('taskledger.keys.' || new.site, 0));
  select k.public_key into v_key from taskledger.site_keys k where k.site = new.site and k.key_id = new.key_id;
  if not found then return new; end if;
  if v_key <> new.public_key then
    insert into taskledger.quarantine (site, what, place, content, received_at)
    values (new.site, 'key', new.key_id, row_to_json(new), date_trunc('milliseconds', clock_timestamp()));
  end if;
  return null;
end $$;

-- Marks are not history: the later word of a site about its own work replaces the earlier.
create function taskledger.gate_proof() returns trigger
  language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
  update taskledger.proofs p set number = new.number, hash = new.hash, proved_at = new.proved_at
   where p.by_site = new.by_site and p.of_site = new.of_site;
  if found then return null; end if;
  return new;
end $$;

create trigger gate before insert on taskledger.blocks for each row execute function taskledger.gate_block();
create trigger gate before insert on taskledger.site_keys for each row execute function taskledger.gate_key();
create trigger gate before insert on taskledger.proofs for each row execute function taskledger.gate_proof();
alter table taskledger.blocks enable always trigger gate;
alter table taskledger.site_keys enable always trigger gate;
alter table taskledger.proofs enable always trigger gate;

revoke execute on function taskledger.gate_event(), taskledger.gate_block(), taskledger.gate_key(), taskledger.gate_proof() from public;
