-- A lane is (name, pin, queue, priority, group). The pin is the version range a task asks of its plugin: a runner that cannot run
-- it must never walk over such tasks, so it comes right after the name. The group is whose task it is (a tenant): one that
-- submits a million tasks has a lane of its own, and the others keep theirs. Empty text stands for none, so that a lane
-- is found by equality alone.
-- `rank` is the priority with its sign turned: with every column of the index ascending, one row comparison finds the next lane.
-- A column of its own, since an index on an expression is prepared anew by each statement that inserts.
-- Still no index mentions what a claim changes.
alter table taskledger.open_tasks
  add column rank    smallint         not null default 0,
  add column "group" text collate "C" not null default '',
  add column pin     text collate "C" not null default '';

update taskledger.open_tasks t
   set rank = -t.priority, "group" = coalesce(e.data ->> 'group', ''), pin = coalesce(e.data ->> 'plugin', '')
  from taskledger.events e
 where e.site = t.submitted_site and e.seq = t.submitted_seq
   and (t.priority <> 0 or e.data -> 'group' is not null or e.data -> 'plugin' is not null);

drop index taskledger.open_tasks_lane;
create index open_tasks_lane on taskledger.open_tasks (name, pin, queue, rank, "group", run_at, task_id);
