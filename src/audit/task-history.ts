import { checkEvents, checkHeader, recomputeBlocks } from '../events/blocks/check-block.ts';
import { readSiteKeys, type SiteKeys, type StoredBlock } from '../events/blocks/stored-block.ts';
import type { TaskEvent } from '../events/event.ts';
import { readTaskEvents } from '../events/read.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { placesOfTask } from './stored-event.ts';

/** Whether an event can be shown to be as it was recorded. */
export type ProofStatus =
  /** It is the one that was sealed in this block. */
  | { readonly status: 'sealed'; readonly block: bigint; readonly sealedAt: string }
  | { readonly status: 'not_sealed' }
  /** The event, another one of its block, or the block itself was changed afterwards. */
  | { readonly status: 'not_verified'; readonly block: bigint; readonly altered: boolean };

/** An event of a task and its proof. */
export interface ProvenEvent {
  readonly event: TaskEvent;
  readonly proof: ProofStatus;
}

/** Every event of a task, oldest first, each with the block it is sealed in; the blocks are checked. Empty when it is not known here. */
export async function provenHistory(db: Queryable, taskId: string): Promise<ProvenEvent[]> {
  const [events, places, keys] = [
    await readTaskEvents(db, taskId),
    await placesOfTask(db, taskId),
    await readSiteKeys(db),
  ];
  const blocks = new Map(places.map(({ site, seq, block }) => [`${site}/${seq}`, block]));
  const checked = new Map<StoredBlock, ReadonlySet<bigint> | undefined>();
  for (const block of new Set([...blocks.values()].filter((each) => each !== undefined))) {
    checked.set(block, await alteredIn(db, block, keys));
  }
  return events.map((event) => {
    const block = blocks.get(`${event.site}/${event.seq}`);
    return { event, proof: block === undefined ? { status: 'not_sealed' } : proofOf(event, block, checked.get(block)) };
  });
}

function proofOf({ seq }: TaskEvent, { header }: StoredBlock, altered: ReadonlySet<bigint> | undefined): ProofStatus {
  const { number: block, sealed_at_ms } = header;
  if (altered === undefined) return { status: 'sealed', block, sealedAt: new Date(Number(sealed_at_ms)).toISOString() };
  return { status: 'not_verified', block, altered: altered.has(seq) };
}

/** Undefined when the block and all its events verify, otherwise the seqs of the events that were altered, if they can be told. */
async function alteredIn(db: Queryable, block: StoredBlock, keys: SiteKeys): Promise<ReadonlySet<bigint> | undefined> {
  const { site, number } = block.header;
  const [recomputed] = await recomputeBlocks(db, site, number, number);
  const ofEvents = recomputed === undefined ? [] : await checkEvents(db, recomputed);
  const findings = [...checkHeader(block, keys, undefined), ...ofEvents];
  if (findings.length === 0) return undefined;
  return new Set(findings.flatMap((finding) => (finding.kind === 'event_altered' ? [finding.seq] : [])));
}
