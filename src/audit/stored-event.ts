import { blockOfEvent, type StoredBlock } from '../events/blocks/stored-block.ts';
import type { Position } from '../events/position.ts';
import { payloadHash, type LeafColumns } from '../events/leaf-hash.ts';
import type { Queryable } from '../postgres/queryable.ts';

/** An event as it is stored, every column as text: what is hashed is this text, not what a program makes of it. */
export interface StoredEvent {
  readonly site: string;
  readonly seq: string;
  readonly realm: string;
  readonly epoch: string;
  readonly task_id: string | null;
  readonly version: string | null;
  readonly type: string;
  readonly occurred_at_ms: string;
  readonly actor: string;
  readonly context: string | null;
  readonly data: string;
}

/** Events fetched at a time: few at first, more as long as they are small, so that payloads of the largest size stay bounded. */
const pageEvents = { min: 50, max: 200 };
const smallPageCharacters = 1024 * 1024;

const columns = `e.site, e.seq::text as seq, e.realm, e.epoch::text as epoch, e.task_id::text as task_id, e.version::text as version,
  e.type, (extract(epoch from e.occurred_at) * 1000)::bigint::text as occurred_at_ms, e.actor, e.context::text as context, e.data::text as data`;

/** The columns as they enter the leaf hash. */
export function leafColumns({ context, data, ...event }: StoredEvent): LeafColumns {
  return { ...event, context_hash: context === null ? null : payloadHash(context), data_hash: payloadHash(data) };
}

/** The event at a position; undefined when there is none. */
export async function readStoredEvent(db: Queryable, { site, seq }: Position): Promise<StoredEvent | undefined> {
  const { rows } = await db.query(`select ${columns} from taskledger.events e where e.site = $1 and e.seq = $2`, [
    site,
    String(seq),
  ]);
  return (rows as StoredEvent[])[0];
}

/** The events of a block as stored now, in seq order, a page at a time. */
export async function* readEventsOfBlock(db: Queryable, { header, members }: StoredBlock): AsyncGenerator<StoredEvent> {
  let size = pageEvents.min;
  for (const [first, last] of members) {
    for (let from = first; from <= last;) {
      const { rows } = await db.query(
        `select ${columns} from taskledger.events e where e.site = $1 and e.seq between $2 and $3 order by e.seq limit ${size}`,
        [header.site, String(from), String(last)],
      );
      const page = rows as StoredEvent[];
      yield* page;
      const end = page.at(-1);
      if (end === undefined || page.length < size) break;
      from = BigInt(end.seq) + 1n;
      const characters = page.reduce((sum, { data }) => sum + data.length, 0);
      size = characters < smallPageCharacters ? Math.min(size * 2, pageEvents.max) : pageEvents.min;
    }
  }
}

/** Where an event of a task stands, and the block it is sealed in, if it is. */
export interface PlacedEvent extends Position {
  readonly version: number | null;
  readonly block: StoredBlock | undefined;
}

/** Every event of a task, by site, block and seq; those in no block last. */
export async function placesOfTask(db: Queryable, taskId: string): Promise<PlacedEvent[]> {
  const { rows } = await db.query(
    `select site, seq::text as seq, version from taskledger.events e where e.task_id = $1::uuid order by site, e.seq`,
    [taskId],
  );
  const placed: PlacedEvent[] = [];
  for (const { site, seq, version } of rows as { site: string; seq: string; version: number | null }[]) {
    const known = placed.at(-1)?.block;
    const place = BigInt(seq);
    const inKnown =
      known?.header.site === site && known.members.some(([first, last]) => place >= first && place <= last);
    placed.push({ site, seq: place, version, block: inKnown ? known : await blockOfEvent(db, site, place) });
  }
  return placed.sort(byBlock);
}

function byBlock(a: PlacedEvent, b: PlacedEvent): number {
  if (a.site !== b.site) return a.site < b.site ? -1 : 1;
  const numbers = [a, b].map(({ block }) => block?.header.number);
  if (numbers[0] !== numbers[1])
    return numbers[1] === undefined || (numbers[0] !== undefined && numbers[0] < numbers[1]) ? -1 : 1;
  return a.seq < b.seq ? -1 : a.seq > b.seq ? 1 : 0;
}
