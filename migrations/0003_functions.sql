-- Which text of each function this database runs: so that a migration applies only what changed, and an older release
-- leaves the functions of a newer one alone.

create table taskledger.functions (
  name     text collate "C" primary key,                -- file in migrations/functions, without .sql
  digest   text not null,                               -- SHA-256 of the file, in hex
  revision int  not null check (revision >= 1)          -- of the set it belongs to, see migrations/functions.json
);
