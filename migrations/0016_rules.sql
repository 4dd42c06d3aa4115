-- What an operator set for a queue, a task name or a group of this site: how many of its tasks may be leased at once and how many
-- may start in a time (caps), whether it is paused, and its weight. Local to the site, like everything a claim locks.
-- Only what is capped pays: its claims lock the row of the rule. A rule with a weight alone is locked by nobody.
create table taskledger.rules (
  about       text collate "C" primary key,              -- queue:NAME | task:NAME | group:NAME
  concurrency int,                                       -- leases in force at once; null for any number
  rate        int,                                       -- leases in `rate_ms`, on average; null for any number
  rate_ms     int,
  burst       int,                                       -- tokens the bucket holds
  paused      boolean          not null default false,
  weight      int              not null default 1,
  tokens      double precision,                          -- in the bucket at `filled_at`
  filled_at   timestamptz(3),
  changed_in  xid8             default pg_current_xact_id(), -- null once every lease is known to have its place: see note_leases()
  set_at      timestamptz(3)   not null,
  set_by      text             not null
);

-- The leases that take a place of a rule. Written by the claim under the lock of the rule, and by nobody when a lease ends,
-- however it does: whose task is not leased any more counts for nothing, and goes with the next claim.
create table taskledger.places (
  about   text collate "C" not null,
  task_id uuid             not null,
  primary key (about, task_id)
);
