-- The log: why everything else can be derived, proven and replayed.
-- Every change of a task is one row of `events`, recorded once and never changed. The table is partitioned by the site
-- that recorded the row: each site appends only to its own leaf (its stream); the other leaves hold what peers shipped.
-- The envelope is complete from the first day, because what is hashed and shipped can never be widened afterwards.

create table taskledger.events (
  site        text collate "C" not null,
  seq         bigint           not null,
  realm       text collate "C" not null,
  epoch       int              not null,
  task_id     uuid,
  version     int,
  type        text collate "C" not null,
  occurred_at timestamptz(3)   not null,
  actor       text collate "C" not null,
  context     json,
  data        json             not null,
  xid         xid8             not null default pg_current_xact_id(),
  primary key (site, seq),
  constraint events_occurred_at_is_finite check (isfinite(occurred_at)),
  -- The leaf hash joins the columns with newlines: none of them may contain one.
  constraint events_text_has_no_newline check (strpos(realm, E'\n') = 0 and strpos(type, E'\n') = 0 and strpos(actor, E'\n') = 0)
) partition by list (site);

comment on table taskledger.events is 'The log. Append-only: one immutable row per event, identified by (site, seq).';
comment on column taskledger.events.seq is 'Place in the stream of its site; the incarnation of the site in the bits above 40. Gaps are normal.';
comment on column taskledger.events.version is 'The version of the task this decision made: 1, 2, 3 … Null for requests, refused results, site and realm events.';
comment on column taskledger.events.data is 'json, not jsonb: the stored text is what is hashed and shipped.';
comment on column taskledger.events.xid is 'Local only: the transaction that appended the row, for sealing. Never shipped.';

-- CACHE 1 and drawn after the row lock: of two events of one task the later always has the larger seq.
create sequence taskledger.event_seq as bigint cache 1;

-- Which site this database is: one row, written by the first migration, for ever.
create table taskledger.site (
  one         boolean          primary key default true check (one),
  name        text collate "C" not null check (name ~ '^[a-z][a-z0-9-]{0,29}$'),
  incarnation int              not null default 1 check (incarnation >= 1)
);

-- Who owns which realm, derived from the realm.* events. Only the owner appends decisions about a realm's tasks.
create table taskledger.realms (
  realm text collate "C" primary key check (realm ~ '^[a-z][a-z0-9-]{0,29}$'),
  epoch int              not null check (epoch >= 1),
  owner text collate "C" not null,
  state text             not null check (state in ('open', 'draining', 'released'))
);

-- ENABLE ALWAYS on every leaf: ordinary triggers do not fire in a replication worker, and a parent's statement trigger
-- does not fire for a statement that names the leaf.
create function taskledger.refuse_change() returns trigger
  language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using
    errcode = 'TL007',
    message = format('Expected events to be appended only; found %s on %I.%I. Record a new event that corrects the old one.',
                     tg_op, tg_table_schema, tg_table_name);
end $$;

create trigger refuse_truncate before truncate on taskledger.events
  for each statement execute function taskledger.refuse_change();
alter table taskledger.events enable always trigger refuse_truncate;
create trigger refuse_change before update or delete on taskledger.events
  for each statement execute function taskledger.refuse_change();
alter table taskledger.events enable always trigger refuse_change;

-- Makes the leaf of one stream. The own stream's leaf also guards I2 (one event per task, epoch and version) and lets the
-- sealer find fresh rows by transaction; a received stream must not: any other unique key would stop replication for good.
create function taskledger.create_stream(stream text, own boolean) returns void
  language plpgsql set search_path = pg_catalog, pg_temp as $$
declare
  leaf text := 'events_' || replace(stream, '-', '_');
begin
  execute format('create table taskledger.%I partition of taskledger.events for values in (%L)', leaf, stream);
  if own then
    execute format('create unique index %I on taskledger.%I (task_id, epoch, version)', leaf || '_version', leaf);
    execute format('create index %I on taskledger.%I (xid)', leaf || '_xid', leaf);
  else
    execute format('create index %I on taskledger.%I (task_id, epoch, version)', leaf || '_history', leaf);
  end if;
  execute format('create trigger refuse_change_row before update or delete on taskledger.%I
                    for each row execute function taskledger.refuse_change()', leaf);
  execute format('create trigger refuse_change before update or delete on taskledger.%I
                    for each statement execute function taskledger.refuse_change()', leaf);
  execute format('create trigger refuse_truncate before truncate on taskledger.%I
                    for each statement execute function taskledger.refuse_change()', leaf);
  execute format('alter table taskledger.%I enable always trigger refuse_change_row', leaf);
  execute format('alter table taskledger.%I enable always trigger refuse_change', leaf);
  execute format('alter table taskledger.%I enable always trigger refuse_truncate', leaf);
end $$;

revoke execute on function taskledger.create_stream(text, boolean) from public;
revoke execute on function taskledger.refuse_change() from public;
