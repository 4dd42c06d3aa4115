-- The rows of the ledger without the ledger: what is left when there is nothing but the log to write.
-- TO BE REPLACED by the project's own migrations, so that the tables are the same ones.
create schema bench;
create sequence bench.event_seq cache 1;

create table bench.events (
  site        text   collate "C" not null,
  seq         bigint not null,
  realm       text   not null,
  epoch       int    not null,
  task_id     uuid,
  version     int,
  type        text   not null,
  occurred_at timestamptz(3) not null check (isfinite(occurred_at)),
  actor       text   not null,
  context     json,
  data        json   not null,
  xid         xid8   not null default pg_current_xact_id(),
  primary key (site, seq)
) partition by list (site);

create table bench.events_local partition of bench.events for values in ('local');
alter table bench.events_local add unique (task_id, epoch, version);
create index on bench.events_local (xid);
