-- Orders the blocks of a stream that do not prove here to be made right from a peer, or one block of it. Answers how many
-- were ordered. The links of the daemon do it within seconds.
--
-- Locks:    none that another one waits for.
-- Index:    faults_pkey, streams_pkey.
-- Measured: 0.08 ms.
create or replace function taskledger.order_repair(stream text, block bigint default null)
returns int
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_ordered int;
begin
  if not exists (select from taskledger.streams s where s.site = stream) then
    raise exception using errcode = 'TL051', message = format('Expected a stream that is kept here; found %L. See: taskledger site status.', left(stream, 60));
  end if;
  insert into taskledger.repairs (site, block, ordered_at)
  select stream, b.block, date_trunc('milliseconds', clock_timestamp())
    from (select f.block from taskledger.faults f where f.site = stream and order_repair.block is null
          union
          select (s.halted ->> 'block')::bigint from taskledger.streams s where s.site = stream and s.halted is not null and order_repair.block is null
          union
          -- One that is missing, too.
          select order_repair.block where order_repair.block between 1 and (select max(x.number) from taskledger.blocks x where x.site = stream)) b
   where not exists (select from taskledger.repairs r where r.site = stream and r.block = b.block and r.done_at is null);
  get diagnostics v_ordered = row_count;
  return v_ordered;
end $$;
