-- Records a batch of tasks: one task.submitted event and one hot row each, in the caller's transaction.
-- `tasks` is an array of objects {id?, name, input, queue, group, priority, key, start_after, start_before, deadline, retry,
-- timeout_ms, protected, plugin}; `defaults` is one such object that fills what a task leaves out. `position` counts from 1.
-- Nothing is recorded unless the whole batch is right; a key that is known with the same input answers `created` = false.
-- `strict` false spares the search for unknown options, for a caller that wrote the objects itself.
--
-- Locks:    enter_realm; then rows of task_keys in key order (a second submitter of a key waits for the first).
-- Index:    task_keys_pkey; inserts into the three of events and the two of open_tasks.
-- Measured: 20 us per task in batches of 5 000, 37 us with a key. In the benchmark a task cost 30 us of server CPU before tasks
--           without options of their own ("plain") took the default's checks and text, computed once per batch, and 20 since.
--           Checks are one expression per task; what is wrong is found out by submission_answers(), in a batch that is refused.
create or replace function taskledger.submit_many(tasks json, defaults json default '{}', realm text default null, context json default null,
                                                  strict boolean default true)
returns table ("position" int, id uuid, site text, seq bigint, created boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
set datestyle = 'ISO'
set standard_conforming_strings = on
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_actor constant text := session_user;
  v_mark constant bigint := nextval('taskledger.event_seq');
  v_site text;
  v_realm text;
  v_epoch int;
  d record;
  v_plain_ok boolean;
  v_head text;
  v_tail text;
  v_recorded int := 0;
  v_name text;
begin
  if json_typeof(tasks) is distinct from 'array' or json_typeof(defaults) is distinct from 'object' then
    raise exception using errcode = 'TL002', message =
      'Expected tasks to be a JSON array and defaults a JSON object; found something else. Pass [{"name": …, "input": …}] and {}.';
  end if;
  if (strpos(tasks::text, '\u') > 0 and not pg_input_is_valid(tasks::text, 'jsonb'))
    or (strpos(defaults::text, '\u') > 0 and not pg_input_is_valid(defaults::text, 'jsonb')) then
    raise exception using errcode = 'TL001', message =
      'Expected JSON without \u0000 and without lone surrogates; found one. Correct it and submit again; nothing of this call was recorded.';
  end if;
  -- What is stored here is read back by every site: `answers` is the ledger's own.
  if json_typeof(context) is distinct from 'object' and context is not null or exists (
      select from json_each(case json_typeof(context) when 'object' then context end) c
       where c.key not in ('on_behalf_of', 'traceparent', 'correlation') or json_typeof(c.value) <> 'string') then
    raise exception using errcode = 'TL002', message =
      'Expected context to be an object of the texts on_behalf_of, traceparent and correlation; found something else. Correct it and submit again; nothing of this call was recorded.';
  end if;
  select e.site, e.realm, e.epoch into v_site, v_realm, v_epoch from taskledger.enter_realm(submit_many.realm) e;

  select x.name, x.input::text as input, coalesce(x.queue, 'default') as queue, x."group", coalesce(x.priority, '0') as priority, x.start_after, x.start_before,
         x.deadline, coalesce(x.retry::text, '{"attempts":3}') as retry, x.timeout_ms, coalesce(x.protected, 'false') as protected, x.plugin,
         x.id is null and x.key is null as ok
    into d
    from json_to_record(defaults) as x(id text, name text, input json, queue text, "group" text, priority text, key text, start_after text,
                                       start_before text, deadline text, retry json, timeout_ms text, protected text, plugin text);
  v_plain_ok := d.ok and taskledger.is_submission(d.name, d.queue, d."group", d.priority, null, d.start_after, d.start_before, d.deadline,
                                                  d.retry, d.timeout_ms, d.protected, d.plugin);
  if v_plain_ok then
    v_head := '{"name":"' || d.name || '","input":';
    v_tail := taskledger.submitted_tail(d.queue, d."group", d.priority, null, d.start_after, d.start_before, d.deadline, d.retry,
                                        d.timeout_ms, d.protected, d.plugin);
  end if;

  if not strict or taskledger.unknown_option(tasks, defaults) is null then
    return query
    with t as materialized (
      select x.ord::int as ord, case when pg_input_is_valid(x.id, 'uuid') then x.id::uuid else taskledger.new_task_id() end as task_id, x.id as given_id, nextval('taskledger.event_seq') as seq,
             coalesce(x.input::text, d.input, 'null') as input, x.key,
             num_nonnulls(x.name, x.queue, x."group", x.priority, x.key, x.start_after, x.start_before, x.deadline, x.retry,
                          x.timeout_ms, x.protected, x.plugin) = 0 as plain,
             coalesce(x.name, d.name) as name, coalesce(x.queue, d.queue) as queue, coalesce(x."group", d."group") as "group",
             coalesce(x.priority, d.priority) as priority, coalesce(x.start_after, d.start_after) as start_after,
             coalesce(x.start_before, d.start_before) as start_before, coalesce(x.deadline, d.deadline) as deadline,
             coalesce(x.retry::text, d.retry) as retry, coalesce(x.timeout_ms, d.timeout_ms) as timeout_ms,
             coalesce(x.protected, d.protected) as protected, coalesce(x.plugin, d.plugin) as plugin
        from rows from (json_to_recordset(tasks) as (id text, name text, input json, queue text, "group" text, priority text,
               key text, start_after text, start_before text, deadline text, retry json, timeout_ms text, protected text,
               plugin text)) with ordinality x(id, name, input, queue, "group", priority, key, start_after, start_before,
               deadline, retry, timeout_ms, protected, plugin, ord)
    ), refused as materialized (
      select count(*) as n from t
       where not coalesce((given_id is null or pg_input_is_valid(given_id, 'uuid')) and
         -- The cheap half of payload_problem(): what passes here needs no exact check.
         (octet_length(input) <= 1048576 and strpos(input, '\u') = 0
            and (octet_length(input) <= 128 or octet_length(input) - octet_length(translate(input, '[{', '')) <= 64)
            -- Duplicate keys: which one counts depends on the reader. `strict` false is a caller whose JSON has none.
            and (not strict or strpos(input, '{') = 0 or input is json with unique keys)
            and input !~ '(^|[:,[:space:][])-?[0-9][0-9.]*([eE]|[0-9]{15})'
          or taskledger.payload_problem(input) is null)
         -- Planned as a subquery of its own, which runs only when a task is protected.
         and (protected is distinct from 'true' or not (select taskledger.has_peer()))
         and case when plain then v_plain_ok
                  else d.ok and taskledger.is_submission(name, queue, "group", priority, key, start_after, start_before, deadline, retry,
                                                         timeout_ms, protected, plugin) end, false)
    ), keyed as (
      insert into taskledger.task_keys (realm, name, key, task_id)
      select v_realm, name, key, task_id from t where key is not null and (select n from refused) = 0 order by name, key, ord
      on conflict do nothing
      returning task_id
    ), fresh as materialized (
      select t.* from t
       where case when (select n from refused) = 0 and (key is null or task_id in (select task_id from keyed))
                  -- In this order: with its key known, the id is that of the first task.
                  then not strict or given_id is null or taskledger.require_new_id(task_id, v_site) end
    ), logged as (
      insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, context, data)
      select v_site, seq, v_realm, v_epoch, task_id, 1, 'task.submitted', v_now, v_actor, submit_many.context,
             case when plain then v_head || input || v_tail
                  else '{"name":"' || name || '","input":' || input
                    || taskledger.submitted_tail(queue, "group", priority, key, start_after, start_before, deadline, retry, timeout_ms,
                                                 protected, plugin) end::json
        from fresh
    ), opened as (
      insert into taskledger.open_tasks (task_id, run_at, submitted_seq, start_before, deadline, version, attempts, priority,
                                         protected, state, realm, submitted_site, name, queue, rank, "group", pin)
      select task_id, coalesce(date_trunc('milliseconds', start_after::timestamptz), v_now), seq,
             date_trunc('milliseconds', start_before::timestamptz), date_trunc('milliseconds', deadline::timestamptz), 1,
             case retry when '{"attempts":3}' then 3 else (retry::json ->> 'attempts')::numeric::int end, priority::smallint,
             protected::boolean, 'pending', v_realm, v_site, name, queue, -priority::smallint, coalesce("group", ''), coalesce(plugin, '')
        from fresh
    )
    select ord, task_id, v_site, seq, true from fresh;
    get diagnostics v_recorded = row_count;
  end if;
  if v_recorded < json_array_length(tasks) then
    return query select * from taskledger.submission_answers(tasks, defaults, v_site, v_realm, v_recorded, v_mark);
  end if;
  for v_name in select b.name from taskledger.doorbells b where b.armed_until > v_now loop
    if v_name = d.name or exists (select from json_array_elements(tasks) e where e ->> 'name' = v_name) then
      perform pg_notify('taskledger', v_name);
    end if;
  end loop;
end $$;
