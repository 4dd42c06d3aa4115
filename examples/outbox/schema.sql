-- The application's own table, in the database of the ledger.
create table if not exists orders (
  id    text primary key,
  email text not null,
  cents int  not null check (cents > 0)
);
