-- The hot tables: what a claim has to lock.
-- `open_tasks` holds one narrow row per unfinished task of the realms this site owns. It is the only projection written
-- in the transaction of the event itself; finished tasks leave it, so a claim costs the same however long the history is.
-- The input stays in the log (submitted_site, submitted_seq) and is read from there when the task is claimed.

-- No CHECK here or on `claims`: each is read and compiled anew by every statement (8 us), and nothing but our functions
-- can write these tables. What must hold of them is derived from the log, and compared with it.
create table taskledger.open_tasks (
  task_id        uuid             primary key,
  run_at         timestamptz(3)   not null,             -- claimable from then on
  submitted_seq  bigint           not null,
  claim_id       bigint,                                -- whose lease it is; null unless leased
  start_before   timestamptz(3),
  deadline       timestamptz(3),
  version        int              not null,
  lease_epoch    int,                                   -- with lease_version: the fencing token, the lease event's own
  lease_version  int,
  attempt        int              not null default 0,   -- attempts used; a lost lease counts, a released one does not
  attempts       int              not null,             -- attempts allowed
  priority       smallint         not null,
  protected      boolean          not null,
  state          text collate "C" not null,             -- pending | leased | in_doubt
  realm          text collate "C" not null,
  submitted_site text collate "C" not null,
  name           text collate "C" not null,
  queue          text collate "C" not null,
  progress       json,                                  -- the latest, between two progress events
  checkpoint     json,                                  -- what the next attempt may resume from
  abort_answers  json                                   -- open abort requests, [[site, seq] …]: the decision that ends it answers them
) with (fillfactor = 50);

-- A lane is (name, queue, priority); a claim reads the lanes of its runner, each in the order of its start times.
-- Neither this nor any other index mentions what a claim changes: with half of each page free the claim is a HOT update
-- and writes no index entry. Partial on state = 'pending' it cost 15 % more server CPU per task (50 against 42 us).
create index open_tasks_lane on taskledger.open_tasks (name, queue, priority desc, run_at, task_id);
create index open_tasks_start_before on taskledger.open_tasks (start_before) where start_before is not null;
create index open_tasks_deadline on taskledger.open_tasks (deadline) where deadline is not null;

-- One row per claim: the leases granted by one call share a secret and an end, and are renewed together, so a heartbeat
-- costs one row however many tasks it keeps, and no hot row is touched by it.
create table taskledger.claims (
  claim_id      bigint         primary key,
  lease_until   timestamptz(3) not null,
  heartbeat_at  timestamptz(3) not null,
  ttl_ms        int            not null,
  secret_digest bytea          not null,
  runner        text           not null,
  host          text           not null,
  open          int            not null, -- leases not settled yet; the row goes when none is left
  task_ids      uuid[]         not null
);
alter table taskledger.claims alter column task_ids set storage external;

create sequence taskledger.claim_ids as bigint cache 1;

-- Idempotency keys, local to the site and rebuilt from the log: a unique key on a replicated table would stop replication
-- for good when two sites use the same key.
create table taskledger.task_keys (
  realm   text collate "C" not null,
  name    text collate "C" not null,
  key     text collate "C" not null,
  task_id uuid             not null,
  primary key (realm, name, key)
);

-- The doorbell: armed by a runner that found nothing, so that submit notifies only when somebody waits. A NOTIFY in every
-- transaction takes a database-wide lock and cuts single submits to a third. Unlogged: after a crash runners arm it anew.
create unlogged table taskledger.doorbells (
  name        text collate "C" primary key,             -- task name
  armed_until timestamptz(3)   not null                 -- silent by itself once its runner is gone
);
