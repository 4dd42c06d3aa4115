-- Tokens in the bucket of a rule at a time: what was in it, and what has run in since, up to what it holds. A clock that goes
-- back fills nothing.
--
-- Locks:    none.
-- Index:    none.
-- Measured: not yet.
create or replace function taskledger.tokens_at(rule taskledger.rules, at timestamptz)
returns double precision
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select least((rule).burst, (rule).tokens + greatest(0, extract(epoch from at - (rule).filled_at) * 1000) * (rule).rate / (rule).rate_ms)
$$;
