-- A runner tells what it offers, [{"name", "plugin", "version"}], and what is wrong with manifests it was told to read, to be believed
-- for `for_ms`; 0 withdraws it. Read by people and by the command line (`offered`); no claim depends on it. A heartbeat that
-- says nothing new writes one narrow row, and none of its JSON.
--
-- Locks:    its own row of offers.
-- Index:    offers_pkey.
-- Measured: 0.4 ms for a heartbeat that says nothing new, by psql on a busy machine; each runner sends one every ten seconds.
create or replace function taskledger.announce_offers(runner text, host text, queues text[], offers json, problems text[], for_ms int)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
begin
  if json_typeof(announce_offers.offers) is distinct from 'array' or announce_offers.for_ms between 0 and 86400000 is not true
    or num_nulls(announce_offers.runner, announce_offers.host, announce_offers.problems) > 0 then
    raise exception using errcode = 'TL002', message =
      'Expected a runner on a host, offers as an array of {"name", "plugin", "version"}, an array of problems, and for_ms from 0 to 86400000; found something else. Correct the call.';
  end if;
  if announce_offers.for_ms = 0 then
    delete from taskledger.offers o where o.runner = announce_offers.runner;
    return;
  end if;
  update taskledger.offers o set until = v_now + announce_offers.for_ms * interval '1 millisecond'
   where o.runner = announce_offers.runner and o.host = announce_offers.host and o.queues is not distinct from announce_offers.queues
     and o.offers::text = announce_offers.offers::text and o.problems = announce_offers.problems;
  if found then return; end if;
  -- Runners that were killed withdrew nothing.
  delete from taskledger.offers o where o.until < v_now - interval '1 minute';
  insert into taskledger.offers as o (runner, host, queues, offers, problems, until)
  values (announce_offers.runner, announce_offers.host, announce_offers.queues, announce_offers.offers, announce_offers.problems,
          v_now + announce_offers.for_ms * interval '1 millisecond')
  on conflict on constraint offers_pkey do update
     set host = excluded.host, queues = excluded.queues, offers = excluded.offers, problems = excluded.problems, until = excluded.until;
end $$;
