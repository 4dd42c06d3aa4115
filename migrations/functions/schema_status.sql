-- What every process asks at its start: the site, the migrations this database has, and the revision of its functions.
--
-- Locks:    none.
-- Index:    none; site has one row, migrations and functions a few dozen.
-- Measured: 15 us.
create or replace function taskledger.schema_status()
returns table (site text, migrations text[], functions_revision int)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select (select s.name from taskledger.site s),
         array(select m.name::text from taskledger.migrations m order by m.name),
         (select max(f.revision) from taskledger.functions f)
$$;
