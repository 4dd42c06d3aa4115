-- Closes an incident that somebody has looked into, for a reason that goes into the history. One about a block that still does not
-- prove is refused: it closes by itself when the block is repaired. False when it was closed already.
--
-- Locks:    enter_realm.
-- Index:    the primary key of the stream that raised it; a pass over the incidents that were closed (incident_rows).
-- Measured: 0.2 ms.
create or replace function taskledger.dismiss_incident(site text, seq bigint, reason text)
returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if taskledger.require_reason(dismiss_incident.reason) is null then
    raise exception using errcode = 'TL002', message = 'Expected a reason; found none. Say what was done about the incident.';
  end if;
  if not exists (select from taskledger.events e where e.site = dismiss_incident.site and e.seq = dismiss_incident.seq and e.type = 'incident.raised') then
    raise exception using errcode = 'TL010',
      message = format('Expected an incident %s/%s; found none. See: taskledger site status.', left(dismiss_incident.site, 60), dismiss_incident.seq);
  end if;
  if exists (select from taskledger.site me
              where me.name = dismiss_incident.site
                and (exists (select from taskledger.faults f where f.incident = dismiss_incident.seq)
                     or exists (select from taskledger.streams s where s.halted -> 'incident' ->> 0 = me.name and s.halted -> 'incident' ->> 1 = dismiss_incident.seq::text))) then
    raise exception using errcode = 'TL011',
      message = format('Expected an incident about something that is over; found that the block of %s/%s still does not prove. Run: taskledger site repair.', site, seq);
  end if;
  if exists (select from taskledger.incidents i where i.site = dismiss_incident.site and i.seq = dismiss_incident.seq and i.closed_at is not null) then return false; end if;
  perform taskledger.close_incident(dismiss_incident.site, dismiss_incident.seq, dismiss_incident.reason);
  return true;
end $$;
