-- Sets what holds for a queue, a task name or a group of this site. `settings` is an object of {concurrency, rate: {count, per_ms,
-- burst}, paused, weight, ageing_ms}: what it leaves out stays as it was, null takes it away. A rule that says nothing any more
-- goes. Only a queue ages: 0 is not at all.
-- Running attempts go on: with fewer places than are taken, nothing is leased until enough of them have ended. A rate begins
-- with a full bucket.
--
-- Locks:    the row of the rule; it waits for claims that hold it, and they pass it over.
-- Index:    rules_pkey.
-- Measured: 0.17 ms.
create or replace function taskledger.set_rule(kind text, name text, settings json)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_about text;
  v_found text;
  v_rate json;
  v_rule taskledger.rules;
begin
  if kind is null or name is null or not (
       kind = 'queue' and name ~ '^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,99}$'
       or kind = 'task' and name ~ '^[a-zA-Z][a-zA-Z0-9_-]*(\.[a-zA-Z0-9_-]+)*$' and length(name) <= 200
       or kind = 'group' and length(name) between 1 and 200 and name !~ '[[:cntrl:]]') then
    raise exception using errcode = 'TL002', message = format(
      'Expected a rule about a queue, a task or a group, and its name; found %s %s. Correct the call.',
      coalesce(quote_literal(left(kind, 20)), 'nothing'), coalesce(quote_literal(left(name, 60)), 'without a name'));
  end if;
  if json_typeof(settings) is distinct from 'object' or not settings::text is json with unique keys then
    v_found := 'something else';
  else
    v_rate := case json_typeof(settings -> 'rate') when 'object' then settings -> 'rate' end;
    select format('%s %s', k, left(v::text, 60)) into v_found
      from (select key as k, value as v from json_each(settings)
            union all select 'rate.' || key, value from json_each(v_rate)) said
     where case
             when json_typeof(v) = 'null' then k like 'rate.%' and k <> 'rate.burst'
             when k = 'paused' then json_typeof(v) <> 'boolean'
             when k = 'rate' then json_typeof(v) <> 'object' or v ->> 'count' is null or v ->> 'per_ms' is null
             when k = 'ageing_ms' and kind <> 'queue' then true
             when k not in ('concurrency', 'weight', 'ageing_ms', 'rate.count', 'rate.per_ms', 'rate.burst') or json_typeof(v) <> 'number'
               or not pg_input_is_valid(v::text, 'int4') then true
             when k = 'ageing_ms' then not (v::text::int = 0 or v::text::int between 1000 and 604800000)
             else not (v::text::int between case k when 'concurrency' then 0 else 1 end
                                        and case k when 'weight' then 1000 when 'rate.per_ms' then 86400000 else 1000000 end)
           end
     limit 1;
  end if;
  if v_found is not null then
    raise exception using errcode = 'TL002', message = format(
      'Expected settings such as {"concurrency": 0 to 1000000, "rate": {"count": 1 to 1000000, "per_ms": 1 to 86400000, "burst": 1 to 1000000}, "paused": true, "weight": 1 to 1000}, and of a queue {"ageing_ms": 0, or 1000 to 604800000}; found %s of a %s. Correct it and set it again.',
      v_found, kind);
  end if;
  v_about := kind || ':' || name;
  insert into taskledger.rules (about, set_at, set_by) values (v_about, v_now, session_user) on conflict do nothing;
  select * into v_rule from taskledger.rules r where r.about = v_about for update;
  if json_typeof(settings -> 'rate') = 'object' then
    v_rule.rate := v_rate ->> 'count';
    v_rule.rate_ms := v_rate ->> 'per_ms';
    -- What a second brings: less than what lies between two looks of a runner would not reach the rate.
    v_rule.burst := coalesce((v_rate ->> 'burst')::int, greatest(1, ceil(v_rule.rate * 1000.0 / v_rule.rate_ms)::int));
    v_rule.tokens := v_rule.burst;
    v_rule.filled_at := v_now;
  elsif json_typeof(settings -> 'rate') = 'null' then
    v_rule.rate := null; v_rule.rate_ms := null; v_rule.burst := null; v_rule.tokens := null; v_rule.filled_at := null;
  end if;
  if settings -> 'concurrency' is not null then v_rule.concurrency := settings ->> 'concurrency'; end if;
  if settings -> 'weight' is not null then v_rule.weight := coalesce(settings ->> 'weight', '1'); end if;
  if settings -> 'paused' is not null then v_rule.paused := coalesce(settings ->> 'paused', 'false'); end if;
  if settings -> 'ageing_ms' is not null then v_rule.ages_ms := nullif((settings ->> 'ageing_ms')::int, 60000); end if;
  if v_rule.concurrency is null and v_rule.rate is null and v_rule.weight = 1 and not v_rule.paused and v_rule.ages_ms is null then
    delete from taskledger.rules r where r.about = v_about;
    delete from taskledger.places p where p.about = v_about;
    return;
  end if;
  update taskledger.rules r
     set concurrency = v_rule.concurrency, rate = v_rule.rate, rate_ms = v_rule.rate_ms, burst = v_rule.burst, paused = v_rule.paused,
         weight = v_rule.weight, ages_ms = v_rule.ages_ms, tokens = v_rule.tokens, filled_at = v_rule.filled_at, changed_in = pg_current_xact_id(),
         set_at = v_now, set_by = session_user
   where r.about = v_about;
end $$;
