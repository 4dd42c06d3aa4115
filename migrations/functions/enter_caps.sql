-- How many tasks a claim may take of a lane that these rules are about, and that the claim now holds their locks. No room: `shut` is
-- the rule that has none, and `again_ms` how soon it may be worth asking again, if that is known.
-- It never waits: a rule that another claim has locked gives nothing to this one, which goes on with other lanes. So no two claims
-- can wait for each other, in whatever order they come to their rules.
-- Each statement has a snapshot of its own: what counts the places is newer than the lock on the rule, and so are all leases
-- that were granted under it.
--
-- Locks:    the rows of rules, FOR UPDATE SKIP LOCKED, until the end of the claim's transaction.
-- Index:    rules_pkey; places_pkey, then open_tasks_pkey for each place.
-- Measured: with take_places, claim(1) of a capped lane costs 1.5 to 1.7 x one of any other, with a rate 1.1 to 1.3 x.
create or replace function taskledger.enter_caps(abouts text[], at timestamptz, out room int, out shut text, out again_ms int)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_rule taskledger.rules;
  v_about text;
  v_tokens double precision;
  v_oldest xid8;
begin
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using errcode = 'TL002', message = format(
      'Expected a claim of what is capped in a READ COMMITTED transaction; found %s. Its snapshot would be older than the lock on the rule: claim in another one.',
      current_setting('transaction_isolation'));
  end if;
  room := 2147483647;
  foreach v_about in array abouts loop
    select * into v_rule from taskledger.rules r where r.about = v_about for update skip locked;
    if not found then
      -- Somebody is at it, for as long as a claim takes; or the rule has just gone.
      room := 0; shut := v_about; again_ms := 20;
      return;
    end if;
    if v_rule.paused then
      room := 0; shut := v_about;
      return;
    end if;
    if v_rule.concurrency is not null then
      if v_rule.changed_in is not null then
        v_oldest := pg_snapshot_xmin(pg_current_snapshot());
        perform taskledger.note_leases(v_about);
        update taskledger.rules r set changed_in = null where r.about = v_about and v_rule.changed_in < v_oldest;
      end if;
      delete from taskledger.places p
       where p.about = v_about
         and (select t.state from taskledger.open_tasks t where t.task_id = p.task_id) is distinct from 'leased';
      room := least(room, v_rule.concurrency - (select count(*) from taskledger.places p where p.about = v_about));
    end if;
    if v_rule.rate is not null then
      v_tokens := taskledger.tokens_at(v_rule, at);
      room := least(room, floor(v_tokens)::int);
      if v_tokens < 1 then
        again_ms := least(60000, greatest(1, ceil((1 - v_tokens) * v_rule.rate_ms / v_rule.rate)));
      end if;
    end if;
    if room <= 0 then
      room := 0; shut := v_about;
      return;
    end if;
  end loop;
end $$;
