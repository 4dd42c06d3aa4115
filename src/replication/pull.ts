import type { Queryable } from '../postgres/queryable.ts';

interface Pull {
  /** A site that has the blocks. */
  readonly source: Queryable;
  /** This site; the daemon's rights. */
  readonly target: Queryable;
  readonly stream: string;
  readonly from: bigint;
  readonly to: bigint;
}

export interface Pulled {
  readonly blocks: number;
  readonly events: number;
}

/** Rows of one transaction at the target: while it lasts, what replication delivers of this stream waits. */
const eventsPerPart = 4000;
/** Blocks asked for at a time. */
export const BLOCKS_PER_PULL = 200;

/**
 * Fetches what is missing here of the blocks `from` to `to` of a stream: the blocks, their keys, and the events of those that
 * are incomplete. Safe to do at any time, by several at once, and again: what is here already is left alone. Nothing is taken
 * on trust: the prover checks it like everything else that arrives.
 * @throws whatever pg throws; what was stored until then stays
 */
export async function pullBlocks(pull: Pull): Promise<Pulled> {
  const { source, target, stream, from, to } = pull;
  const pulled = { blocks: await pullMissingBlocks(pull), events: 0 };
  for (const blocks of together(await incompleteBlocks(target, stream, from, to))) {
    for await (const events of pullEvents(source, stream, blocks)) {
      const { rows } = await target.query('select taskledger.receive_events($1, $2) as new', [stream, events]);
      pulled.events += (rows[0] as { new: number }).new;
    }
  }
  return pulled;
}

/**
 * Fetches the blocks that are missing here, without their events, and the keys of their site: a block may have arrived before
 * its key. @returns how many blocks
 */
export async function pullMissingBlocks({ source, target, stream, from, to }: Pull): Promise<number> {
  const missing = await missingBlocks(target, stream, from, to);
  const blocks = missing === undefined ? '[]' : await blocksOf(source, stream, missing.from, missing.to);
  const values = [stream, await keysOf(source, stream), blocks];
  const { rows } = await target.query('select taskledger.receive_blocks($1, $2, $3) as new', values);
  return (rows[0] as { new: number }).new;
}

/** A block of a stream as the source has it, as repair_block takes it; undefined when it has none of this number. */
export async function pullBlock(source: Queryable, stream: string, number: string): Promise<string | undefined> {
  const [block] = JSON.parse(await blocksOf(source, stream, number, number)) as unknown[];
  return block === undefined ? undefined : JSON.stringify(block);
}

/** Fetches the keys of a received stream. */
export async function pullKeys({ source, target, stream }: Pick<Pull, 'source' | 'target' | 'stream'>): Promise<void> {
  const values = [stream, await keysOf(source, stream), '[]'];
  await target.query('select taskledger.receive_blocks($1, $2, $3)', values);
}

/** The first and the last block in this range that are not here. */
async function missingBlocks(
  target: Queryable,
  stream: string,
  from: bigint,
  to: bigint,
): Promise<{ from: string; to: string } | undefined> {
  const { rows } = await target.query(
    `select min(n)::text as "from", max(n)::text as "to" from generate_series($2::bigint, $3::bigint) n
      where not exists (select from taskledger.blocks b where b.site = $1 and b.number = n)`,
    [stream, String(from), String(to)],
  );
  const row = rows[0] as { from: string | null; to: string | null };
  return row.from === null || row.to === null ? undefined : { from: row.from, to: row.to };
}

async function keysOf(source: Queryable, stream: string): Promise<string> {
  const { rows } = await source.query(
    `select coalesce(json_agg(json_build_object('key_id', k.key_id, 'public_key', encode(k.public_key, 'hex'), 'added_at', k.added_at)), '[]')::text as keys
       from taskledger.site_keys k where k.site = $1`,
    [stream],
  );
  return (rows[0] as { keys: string }).keys;
}

async function blocksOf(source: Queryable, stream: string, from: string, to: string): Promise<string> {
  const { rows } = await source.query(
    `select coalesce(json_agg(b), '[]')::text as blocks
       from (select b.number, b.members::text as members, b.event_count, encode(b.root, 'hex') as root, encode(b.prev_hash, 'hex') as prev_hash,
                    encode(b.hash, 'hex') as hash, b.sealed_at, b.sealed_by, b.format, b.key_id, encode(b.signature, 'hex') as signature,
                    encode(b.leaf_hints, 'hex') as leaf_hints
               from taskledger.blocks b where b.site = $1 and b.number between $2 and $3 order by b.number) b`,
    [stream, from, to],
  );
  return (rows[0] as { blocks: string }).blocks;
}

export interface IncompleteBlock {
  readonly number: string;
  readonly event_count: number;
}

/** Of the blocks that are here, those whose events are not all here. */
export async function incompleteBlocks(
  target: Queryable,
  stream: string,
  from: bigint,
  to: bigint,
): Promise<IncompleteBlock[]> {
  const { rows } = await target.query(
    `select b.number::text as number, b.event_count
       from taskledger.blocks b
      cross join lateral (
            select count(*) as found
              from unnest(b.members) r
             cross join lateral (select from taskledger.events e
                                  where e.site = $1 and e.seq >= lower(r) and e.seq < upper(r) offset 0) e) here
      where b.site = $1 and b.number between $2 and $3 and here.found < b.event_count
      order by b.number`,
    [stream, String(from), String(to)],
  );
  return rows as IncompleteBlock[];
}

/** Small blocks share a part: each part is a round trip to the other site, which may be far away. */
function together(blocks: readonly IncompleteBlock[]): string[][] {
  const parts: string[][] = [];
  let events = eventsPerPart;
  for (const { number, event_count: count } of blocks) {
    events += count;
    if (events > eventsPerPart) {
      parts.push([]);
      events = count;
    }
    parts.at(-1)?.push(number);
  }
  return parts;
}

/** An event as receive_events takes it; `e` is its row. */
const columns = `e.seq, e.realm, e.epoch, e.task_id, e.version, e.type, e.occurred_at, e.actor, e.context::text as context, e.data::text as data`;

/** The events of some blocks in parts, each as the JSON text that receive_events takes: nothing of it is parsed on the way. */
export function pullEvents(source: Queryable, stream: string, blocks: readonly string[]): AsyncGenerator<string> {
  return inParts(
    source,
    `select ${columns}
       from taskledger.blocks b cross join unnest(b.members) r
      cross join lateral (select * from taskledger.events e
                           where e.site = $1 and e.seq >= greatest(lower(r), $2::bigint + 1) and e.seq < upper(r) offset 0) e
      where b.site = $1 and b.number = any ($3::bigint[]) and upper(r) > $2::bigint + 1`,
    [stream, blocks],
  );
}

/** Of so many blocks at the end of a stream members are left out; who asks has what is in others. */
const blocksAtTheEnd = 200;

/** Events of a stream that no block names, in parts as those of pullEvents, and perhaps some of old blocks. */
export function pullLooseEvents(source: Queryable, stream: string): AsyncGenerator<string> {
  return inParts(
    source,
    `select ${columns}
       from (select range_agg(r) as seqs
               from (select x.members from taskledger.blocks x where x.site = $1 order by x.number desc limit ${blocksAtTheEnd}) b
              cross join unnest(b.members) r) sealed
      cross join unnest(coalesce(int8multirange(int8range(lower(sealed.seqs), null)) - sealed.seqs, int8multirange(int8range(1, null)))) gap
      cross join lateral (select * from taskledger.events e
                           where e.site = $1 and e.seq >= greatest(lower(gap), $2::bigint + 1) and (upper_inf(gap) or e.seq < upper(gap)) offset 0) e`,
    [stream],
  );
}

async function* inParts(
  source: Queryable,
  select: string,
  [stream, ...more]: readonly unknown[],
): AsyncGenerator<string> {
  for (let after: string | null = '0'; after !== null;) {
    const { rows } = await source.query(
      `select json_agg(x)::text as events, case when count(*) = ${eventsPerPart} then max(x.seq)::text end as last
         from (${select} order by e.seq limit ${eventsPerPart}) x`,
      [stream, after, ...more],
    );
    const { events, last } = rows[0] as { events: string | null; last: string | null };
    if (events !== null) yield events;
    after = last;
  }
}
