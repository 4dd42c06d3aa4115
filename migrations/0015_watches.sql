-- Who watches the log of a running attempt, and where its lines are sent. Nothing of a log is stored here or sent anywhere
-- unless somebody watches. Channels of LISTEN and NOTIFY have no owner: whoever knows the name of one may hear and speak
-- there. So each watcher has one of its own, which nobody else can guess, and neither the runner nor another watcher is told.
-- Unlogged: after a crash whoever still watches asks again.
create unlogged table taskledger.watches (
  task_id     uuid           not null,
  watcher     uuid           not null, -- random, chosen by the watcher: the secret part of the channel's name
  until       timestamptz(3) not null, -- nobody watches any more, unless asked again by then
  reported_at timestamptz(3),          -- when lines were last sent
  primary key (task_id, watcher)
);
