-- Pages of a search are in the order of submission, the order of `since` and `until`: each index ends in (submitted_at, task_id),
-- so that a page is one range of it. By task_id alone a page of an old month was met only after walking all newer tasks.
-- States most tasks end in are found by walking the index of all tasks. Made before the old ones go: readers wait for no build.
create index on taskledger.task_rows (submitted_at, task_id);
create index on taskledger.task_rows (state, submitted_at, task_id) where state <> 'completed';
create index on taskledger.task_rows (error_code, submitted_at, task_id) where error_code is not null;
create index on taskledger.task_rows (name, submitted_at, task_id);
create index on taskledger.task_rows (queue, submitted_at, task_id);
create index on taskledger.task_rows (key, submitted_at, task_id) where key is not null;

drop index taskledger.task_rows_submitted_at_idx;
drop index taskledger.task_rows_state_task_id_idx;
drop index taskledger.task_rows_error_code_task_id_idx;
drop index taskledger.task_rows_name_task_id_idx;
drop index taskledger.task_rows_queue_task_id_idx;
drop index taskledger.task_rows_key_task_id_idx;
