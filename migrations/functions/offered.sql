-- What running runners offer here now: a row per runner, task name and version of the plugin it would be run by (null for a handler
-- in a module). `queues` null means all. Only these runners take tasks of this site, wherever they run: each tells it to every
-- site it works for. Kept by a heartbeat: a runner that was killed is told of for up to 35 s.
--
-- Locks:    none.
-- Index:    none; one row per runner.
-- Measured: 200 ms for the 10 000 rows of 200 runners with 50 tasks each, by psql on a busy machine.
create or replace function taskledger.offered()
returns table (runner text, host text, name text, plugin text, version text, queues text[], until timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select o.runner, o.host, x.name, x.plugin, x.version, o.queues, o.until
    from taskledger.offers o
   cross join lateral json_to_recordset(o.offers) as x(name text, plugin text, version text)
   where o.until > clock_timestamp()
   order by x.name, x.plugin, x.version, o.runner
$$;
