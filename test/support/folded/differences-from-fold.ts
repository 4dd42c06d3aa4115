import type pg from 'pg';
import type { LedgerEvent } from '../../../src/events/event.ts';
import { readEventsAt, readSeqs } from '../../../src/events/read.ts';
import { projections } from '../../../src/projections/projections.ts';
import { foldAttempts } from './attempts.ts';
import { foldIncidents } from './incidents.ts';
import { livesOf, type Life } from './lives.ts';
import { foldQueueDurations, foldQueueMinutes } from './queue-minutes.ts';
import type { FoldedRow } from './row.ts';
import { foldTaskStates } from './task-states.ts';

/** What each table should hold, by plain TypeScript from the parsed log. `task_rows` is `compareProjection`'s. */
const folds: Readonly<
  Record<string, (log: { lives: readonly Life[]; events: readonly LedgerEvent[] }) => FoldedRow[]>
> = {
  task_state_rows: ({ lives }) => foldTaskStates(lives),
  attempt_rows: ({ lives }) => foldAttempts(lives),
  queue_minute_rows: ({ lives }) => foldQueueMinutes(lives),
  queue_duration_rows: ({ lives }) => foldQueueDurations(lives),
  incident_rows: ({ events }) => foldIncidents(events),
};

/**
 * I4, of every table of projections but `task_rows`: each row that the fold of the whole log has and the slot has not, or the other way round.
 * @param which slot of each projection; default the live one
 */
export async function differencesFromFold(pool: pg.Pool, which: 'live' | 'free' = 'live'): Promise<unknown[]> {
  const events = await wholeLog(pool);
  const log = { events, lives: livesOf(events) };
  const found: unknown[] = [];
  for (const { name, tables } of projections) {
    const slot = await slotOf(pool, name, which);
    for (const [table, key] of Object.entries(tables)) {
      const fold = folds[table];
      if (fold === undefined) continue;
      const stored = await pool.query<FoldedRow>(`select * from taskledger.${table} where slot = $1`, [slot]);
      found.push(...unequal({ table, key: key.split(', ') }, fold(log), stored.rows));
    }
  }
  return found;
}

async function wholeLog(pool: pg.Pool): Promise<LedgerEvent[]> {
  const { rows } = await pool.query<{ site: string }>('select name as site from taskledger.site');
  const { site } = rows[0]!;
  return await readEventsAt(pool, site, await readSeqs(pool, site, { after: 0n }));
}

async function slotOf(pool: pg.Pool, projection: string, which: 'live' | 'free'): Promise<string> {
  const { rows } = await pool.query<{ live: string }>('select live from taskledger.projections where name = $1', [
    projection,
  ]);
  const { live } = rows[0]!;
  if (which === 'live') return live;
  return live === 'a' ? 'b' : 'a';
}

interface Keyed {
  readonly table: string;
  readonly key: readonly string[];
}

function unequal({ table, key }: Keyed, folded: readonly FoldedRow[], stored: readonly FoldedRow[]): unknown[] {
  const idOf = (row: FoldedRow): string => key.map((column) => plain(row[column])).join(' ');
  const byId = (rows: readonly FoldedRow[]): Map<string, FoldedRow> => new Map(rows.map((row) => [idOf(row), row]));
  const [log, rows] = [byId(folded), byId(stored)];
  const ids = new Set([...log.keys(), ...rows.keys()]);
  return Array.from(ids).flatMap((id) =>
    columnsUnequal(log.get(id), rows.get(id)).map((what) => ({ table, id, ...what })),
  );
}

function columnsUnequal(log: FoldedRow | undefined, found: FoldedRow | undefined): object[] {
  if (log === undefined || found === undefined) return [{ column: 'row', log, found }];
  const columns = new Set([...Object.keys(log), ...Object.keys(found)]);
  columns.delete('slot');
  return Array.from(columns)
    .map((column) => ({ column, log: plain(log[column]), found: plain(found[column]) }))
    .filter(({ log: told, found: stored }) => told !== stored);
}

function plain(value: FoldedRow[string]): string | null {
  if (value === null || value === undefined) return null;
  return value instanceof Date ? value.toISOString() : String(value);
}
