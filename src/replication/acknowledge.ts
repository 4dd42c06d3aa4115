import { LedgerError } from '../errors.ts';
import { formatPosition, type Position } from '../events/position.ts';
import type { Queryable } from '../postgres/queryable.ts';

/** An event, and what it hashes to at the site that asks: another row under its seq does not count as it. */
export interface RecordedEvent extends Position {
  readonly leaf: Buffer;
}

/**
 * These events as this site has recorded them, each once.
 * @throws LedgerError TASKLEDGER_NOT_FOUND if one is not here; and whatever pg throws
 */
export async function readRecorded(here: Queryable, positions: readonly Position[]): Promise<RecordedEvent[]> {
  const recorded: RecordedEvent[] = [];
  for (const [site, seqs] of byStream(positions)) {
    const { rows } = await here.query('select seq::text as seq, leaf from taskledger.leaves($1, $2)', [site, seqs]);
    const leaves = new Map((rows as { seq: string; leaf: Buffer }[]).map(({ seq, leaf }) => [BigInt(seq), leaf]));
    for (const seq of new Set(seqs)) {
      const leaf = leaves.get(seq);
      if (leaf === undefined) throw notRecorded({ site, seq });
      recorded.push({ site, seq, leaf });
    }
  }
  return recorded;
}

/** Those of the events that the site at the other end of this connection has, durably. @throws whatever pg throws */
export async function readAcknowledged(
  there: Queryable,
  events: readonly RecordedEvent[],
): Promise<ReadonlySet<RecordedEvent>> {
  const acknowledged = new Set<RecordedEvent>();
  for (const stream of new Set(events.map(({ site }) => site))) {
    const asked = events.filter(({ site }) => site === stream);
    const values = [stream, asked.map(({ seq }) => seq), asked.map(({ leaf }) => leaf)];
    const { rows } = await there.query('select position from taskledger.acknowledge($1, $2, $3)', values);
    for (const { position } of rows as { position: number }[]) {
      const event = asked[position - 1];
      if (event !== undefined) acknowledged.add(event);
    }
  }
  return acknowledged;
}

function byStream(positions: readonly Position[]): Map<string, bigint[]> {
  const streams = new Map<string, bigint[]>();
  for (const { site, seq } of positions) {
    const seqs = streams.get(site);
    if (seqs === undefined) streams.set(site, [seq]);
    else seqs.push(seq);
  }
  return streams;
}

function notRecorded(position: Position): LedgerError {
  return new LedgerError('TASKLEDGER_NOT_FOUND', {
    expected: `event ${formatPosition(position)} to be recorded here`,
    found: 'no such event',
    remedy: 'Call whenReplicated after your transaction has committed',
  });
}
