-- The application's own table, in the database of the ledger.
create table if not exists reports (
  request_key text primary key,
  title       text not null,
  month       text not null check (month ~ '^\d{4}-(0[1-9]|1[0-2])$'),
  task_id     uuid
);
