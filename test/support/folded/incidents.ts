import type { EventOf, LedgerEvent } from '../../../src/events/event.ts';
import type { FoldedRow } from './row.ts';

/** The rows of `incident_rows`: of several events that closed one incident, the first by site and seq counts. */
export function foldIncidents(events: readonly LedgerEvent[]): FoldedRow[] {
  const raised = events.filter((event) => event.type === 'incident.raised');
  const closed = events.filter((event) => event.type === 'incident.closed').toSorted(byPosition);
  return raised.map(({ site, seq, data, occurred_at, actor }) => {
    const first = closed.find(({ data: { incident } }) => incident[0] === site && BigInt(incident[1]) === seq);
    return {
      site,
      seq,
      kind: data.kind,
      summary: data.summary,
      raised_at: occurred_at,
      raised_by: actor,
      ...(first === undefined ? {} : closedColumns(first)),
    };
  });
}

function closedColumns({ site, seq, data, occurred_at, actor }: EventOf<'incident.closed'>): FoldedRow {
  return { closed_at: occurred_at, closed_by: actor, resolution: data.resolution, closed_site: site, closed_seq: seq };
}

function byPosition(a: LedgerEvent, b: LedgerEvent): number {
  if (a.site !== b.site) return a.site < b.site ? -1 : 1;
  return a.seq < b.seq ? -1 : 1;
}
