-- How long the first due task of a lane waits for each level it gains: a minute until now, whatever the queue. Only rules about a
-- queue say it.
alter table taskledger.rules add column ages_ms int; -- 0: it gains none; null: a minute
