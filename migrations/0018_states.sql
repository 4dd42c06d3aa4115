-- A task's row is written when it is submitted and again when it ends. As `state` was in an index, its end wrote an entry into every
-- index of the row. Now no index has a column that a usual end changes, and there is room left on each page: its end is a HOT update.
-- What is not completed is found by a row of its own, by its state; most tasks have one while they are open, or none if they end
-- between two looks of the projector.
create table taskledger.task_state_rows (
  slot         text             not null,
  task_id      uuid             not null,
  state        text collate "C" not null,             -- any but completed
  submitted_at timestamptz(3),                        -- null: submitted in a block that was not read yet
  primary key (slot, task_id)
) partition by list (slot);
create table taskledger.task_state_rows_a partition of taskledger.task_state_rows for values in ('a');
create table taskledger.task_state_rows_b partition of taskledger.task_state_rows for values in ('b');

insert into taskledger.task_state_rows (slot, task_id, state, submitted_at)
select t.slot, t.task_id, t.state, t.submitted_at from taskledger.task_rows t where t.state <> 'completed';

create index on taskledger.task_state_rows (state, submitted_at, task_id);
drop index taskledger.task_rows_state_submitted_at_task_id_idx;
alter table taskledger.task_rows_a set (fillfactor = 50);
alter table taskledger.task_rows_b set (fillfactor = 50);

update taskledger.projections p set tables = '{task_rows,task_state_rows}' where p.name = 'tasks';

create view taskledger.task_states as
select t.task_id as id, t.state, t.submitted_at
  from taskledger.task_state_rows t cross join (select) read_only
 where t.slot = (select p.live from taskledger.projections p where p.name = 'tasks');

comment on view taskledger.task_states is 'Every task that is not completed: finds those of a state among millions, to be joined with projected_tasks by id.';
