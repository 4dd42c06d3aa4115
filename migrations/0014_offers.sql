-- What running runners offer, so that a task that nobody can run is seen, and does not just wait. One row per runner, kept by a
-- heartbeat. Not in the log: it says what is, not what was. Not replicated: only runners that are connected to this site take its
-- tasks, wherever they run, and each of them tells it here. Unlogged: after a crash runners tell it anew within ten seconds.
create unlogged table taskledger.offers (
  runner text           primary key,
  host   text           not null,
  queues text[],                     -- null: all
  offers json           not null,    -- [{"name", "plugin", "version"}]
  problems text[]         not null,    -- what is wrong with manifests it was told to read
  until  timestamptz(3) not null     -- gone by itself once its runner is
) with (fillfactor = 50);
