-- The slow half of `submit_many`: either says why the batch was refused, or answers for the tasks whose key was known.
-- The same key with the same input (compared as jsonb) names the first task; with another input it is refused.
--
-- Locks:    none of its own; `submit_many` waited for the other submitter of a key already.
-- Index:    task_keys_pkey, then (task_id, epoch, version) of the stream of the first submit event.
-- Measured: 43 us per known key; runs only for batches that hold one, or that are refused.
create or replace function taskledger.submission_answers(tasks json, defaults json, site text, realm text, recorded int, mark bigint)
returns table ("position" int, id uuid, site_name text, seq bigint, created boolean)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_problem text;
  v_known record;
begin
  if recorded = 0 then
    v_problem := taskledger.submission_problem(tasks, defaults);
    if v_problem is not null then
      raise exception using errcode = left(v_problem, 5),
        message = 'Expected ' || substr(v_problem, 7) || '. Correct it and submit again; nothing of this call was recorded.';
    end if;
  end if;
  for v_known in
    select t.ord::int as ord, t.key, k.name, s.task_id, s.site, s.seq, t.input::jsonb = (s.data -> 'input')::text::jsonb as same,
           s.seq > mark and s.xid = pg_current_xact_id() and row_number() over (partition by k.name, k.key order by t.ord) = 1 as fresh
      from (select ord, key, coalesce(name, defaults ->> 'name') as name, coalesce(input::text, (defaults -> 'input')::text, 'null') as input
              from rows from (json_to_recordset(tasks) as (name text, key text, input json))
                     with ordinality x(name, key, input, ord)
             where key is not null) t
      join taskledger.task_keys k on k.realm = submission_answers.realm and k.name = t.name and k.key = t.key
      join taskledger.events s on s.task_id = k.task_id and s.version = 1 and s.type = 'task.submitted'
     order by t.ord
  loop
    continue when v_known.fresh;
    if v_known.same is not true then
      raise exception using errcode = 'TL005',
        message = format('Expected key %L of %s to come with the input it was first used with, by task %s; found another input. Use a new key for a new task.',
                         v_known.key, v_known.name, v_known.task_id);
    end if;
    "position" := v_known.ord;
    id := v_known.task_id;
    site_name := v_known.site;
    seq := v_known.seq;
    created := false;
    return next;
  end loop;
end $$;
