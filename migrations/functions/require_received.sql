-- Refuses a stream that is not to be filled from elsewhere: one that is not kept here, or the own one of a site that is not
-- recovering.
--
-- Locks:    none.
-- Index:    streams_pkey.
-- Measured: 0.03 ms.
create or replace function taskledger.require_received(stream text)
returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_own boolean;
begin
  select s.own into v_own from taskledger.streams s where s.site = stream;
  if v_own is null then
    raise exception using errcode = 'TL051', message = format('Expected a stream that is kept here; found %L. Run: taskledger site add.', left(stream, 60));
  end if;
  if v_own and not exists (select from taskledger.realms r where r.owner = stream and r.state = 'recovering') then
    raise exception using errcode = 'TL052',
      message = format('Expected site %s to be recovering before its own stream is filled from elsewhere; found it at work. Nothing is to be done.', stream);
  end if;
end $$;
