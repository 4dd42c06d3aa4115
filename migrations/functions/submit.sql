-- Records one task in the caller's transaction, from any language:
--   select * from taskledger.submit(name => 'payouts.settle', input => '{"payoutId":"p1"}', options => '{"key":"p1"}')
-- `options` takes what a task of submit_many() takes besides name and input, and `realm` and `context`.
-- With no other option than `id` and `key`, which is most submits, it is recorded here, else by submit_many().
--
-- Locks:    enter_realm; the row of its key in task_keys, if it has one.
-- Index:    task_keys_pkey; inserts into the three of events and the two of open_tasks.
-- Measured: 0.08 ms per call here, 0.23 ms by way of submit_many() (`npm run bench -- functions`).
create or replace function taskledger.submit(name text, input json default 'null', options json default '{}')
returns table (id uuid, site text, seq bigint, created boolean)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set standard_conforming_strings = on
as $$
#variable_conflict use_column
declare
  v_now constant timestamptz(3) := date_trunc('milliseconds', clock_timestamp());
  v_input constant text := coalesce(input::text, 'null');
  v_key text;
  v_realm text;
  v_epoch int;
begin
  if options::text <> '{}' then
    if strpos(options::text, '\u') > 0 and not pg_input_is_valid(options::text, 'jsonb') then
      raise exception using errcode = 'TL001',
        message = 'Expected options without \u0000 and without lone surrogates; found one. Correct it and submit again; nothing of this call was recorded.';
    end if;
    if json_typeof(options) is distinct from 'object' or options ->> 'name' is not null or options ->> 'input' is not null then
      raise exception using errcode = 'TL002',
        message = 'Expected options to be a JSON object without name and input; found something else. Pass the name and the input as arguments of their own.';
    end if;
    v_key := options ->> 'key';
    if pg_input_is_valid(options ->> 'id', 'uuid') then
      id := options ->> 'id';
    end if;
  end if;
  if submit.name ~ '^[a-zA-Z][a-zA-Z0-9_-]*(\.[a-zA-Z0-9_-]+)*$' and length(submit.name) <= 200
    and octet_length(v_input) <= 1048576
    and (octet_length(v_input) <= 128 or octet_length(v_input) - octet_length(translate(v_input, '[{', '')) <= 64) and strpos(v_input, '\u') = 0 and (strpos(v_input, '{') = 0 or v_input is json with unique keys) and v_input !~ '(^|[:,[:space:][])-?[0-9][0-9.]*([eE]|[0-9]{15})'
    and (v_key is null or json_typeof(options -> 'key') = 'string' and length(v_key) between 1 and 500 and v_key !~ '[[:cntrl:]]')
    and (options::text = '{}' or not exists (select from json_object_keys(options) k where k not in ('id', 'key')) and (id is not null or options ->> 'id' is null)) then
    id := coalesce(id, taskledger.new_task_id());
    select e.site, e.realm, e.epoch into submit.site, v_realm, v_epoch from taskledger.enter_realm() e;
    if v_key is not null then
      insert into taskledger.task_keys (realm, name, key, task_id) values (v_realm, submit.name, v_key, submit.id) on conflict do nothing;
    end if;
    if v_key is null or found then
      if json_typeof(options -> 'id') is not null then
        perform taskledger.require_new_id(submit.id, submit.site);
      end if;
      seq := nextval('taskledger.event_seq');
      insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, data)
      values (submit.site, submit.seq, v_realm, v_epoch, submit.id, 1, 'task.submitted', v_now, session_user,
              ('{"name":"' || submit.name || '","input":' || v_input || ',"queue":"default","priority":0'
                || case when v_key is null then '' else ',"key":' || to_json(v_key)::text end || ',"retry":{"attempts":3}}')::json);
      insert into taskledger.open_tasks (task_id, run_at, submitted_seq, version, attempts, priority, protected, state, realm,
                                         submitted_site, name, queue)
      values (submit.id, v_now, submit.seq, 1, 3, 0, false, 'pending', v_realm, submit.site, submit.name, 'default');
      if exists (select from taskledger.doorbells b where b.name = submit.name and b.armed_until > v_now) then
        perform pg_notify('taskledger', submit.name);
      end if;
      created := true;
      return next;
      return;
    end if;
  end if;
  return query
    select s.id, s.site, s.seq, s.created
      from taskledger.submit_many(
        ('[' || (options::jsonb - 'realm' - 'context')::text || ']')::json,
        ('{"name":' || coalesce(to_json(submit.name)::text, 'null') || ',"input":' || v_input || '}')::json,
        options ->> 'realm', options -> 'context') s;
end $$;
