-- What is wrong with plugins that running runners were told to run: a row per runner and problem. They go on with what they had.
--
-- Locks:    none.
-- Index:    none; one row per runner.
-- Measured: none; a few rows, read by people.
create or replace function taskledger.plugin_problems()
returns table (runner text, host text, problem text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
  select o.runner, o.host, p.problem
    from taskledger.offers o cross join lateral unnest(o.problems) with ordinality p(problem, place)
   where o.until > clock_timestamp()
   order by o.runner, p.place
$$;
