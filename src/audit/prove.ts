import { recomputeBlocks } from '../events/blocks/check-block.ts';
import { blockOfEvent, readSiteKeys, type SiteKeys, type StoredBlock } from '../events/blocks/stored-block.ts';
import { LedgerError } from '../errors.ts';
import { placeOf } from '../events/members.ts';
import { inclusionPath, merkleRoot } from '../events/merkle.ts';
import { formatPosition, type Position } from '../events/position.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { BUNDLE_FORMAT, blockLine, type BundleLine, type BundleScope } from './bundle/bundle-format.ts';
import { BundleLines } from './bundle/bundle-lines.ts';
import { cloudEventOf } from './bundle/cloud-event.ts';
import { placesOfTask, readStoredEvent, type PlacedEvent } from './stored-event.ts';

export interface PayloadOptions {
  /** Leaves `data` and `context` out; their hashes stay, so that the rest is proven all the same. */
  readonly withheld?: boolean | undefined;
}

/**
 * The proof of one event: the event, its path to the root of its block, the signed header, the public key. Lines of a bundle.
 * @throws LedgerError TASKLEDGER_NOT_FOUND, TASKLEDGER_NOT_SEALED, TASKLEDGER_NOT_PROVEN
 */
export async function* proveEvent(
  db: Queryable,
  { site, seq }: Position,
  options: PayloadOptions = {},
): AsyncGenerator<string> {
  const block = await blockOfEvent(db, site, seq);
  const event = { site, seq, version: null, block };
  if ((await readStoredEvent(db, event)) === undefined) throw notFound(event);
  if (block === undefined) throw notSealed(`event ${formatPosition(event)}`);
  yield* provenEvents(db, { kind: 'event', site, seq: String(seq) }, [event], options);
}

/**
 * The proof of a task: every sealed event of it, each with its path. Events that are in no block yet are counted and left out.
 * @throws LedgerError TASKLEDGER_NOT_FOUND, TASKLEDGER_NOT_SEALED, TASKLEDGER_NOT_PROVEN
 */
export async function* exportTask(db: Queryable, taskId: string, options: PayloadOptions = {}): AsyncGenerator<string> {
  const placed = await placesOfTask(db, taskId);
  if (placed.length === 0) throw notFound(taskId);
  const sealed = placed.filter(({ block }) => block !== undefined);
  if (sealed.length === 0) throw notSealed(`task ${taskId}`);
  const versions = sealed.reduce((last, { version }) => Math.max(last, version ?? 0), 0);
  const unsealed = placed.length - sealed.length;
  yield* provenEvents(db, { kind: 'task', task_id: taskId, versions, unsealed }, sealed, options);
}

async function* provenEvents(
  db: Queryable,
  scope: BundleScope,
  placed: readonly PlacedEvent[],
  { withheld = false }: PayloadOptions,
): AsyncGenerator<string> {
  const lines = new BundleLines();
  yield lines.line({ taskledger_bundle: BUNDLE_FORMAT, scope, payloads: withheld ? 'withheld' : 'included' });
  for (const key of keyLines(await readSiteKeys(db), new Set(placed.map(({ site }) => site)))) yield lines.line(key);
  let current: { block: StoredBlock; leaves: Buffer } | undefined;
  for (const { site, seq, block } of placed) {
    if (block === undefined) continue;
    if (current?.block !== block) {
      current = { block, leaves: await provenLeaves(db, block) };
      yield lines.line(blockLine(block, false));
    }
    const event = await readStoredEvent(db, { site, seq });
    const place = placeOf(block.members, seq);
    if (event === undefined || place === undefined) throw notFound({ site, seq });
    const path = inclusionPath(current.leaves, place).map((hash) => hash.toString('hex'));
    yield lines.line({ event: cloudEventOf(event, withheld), path });
  }
  yield lines.end();
}

/** The leaf hashes of a block, when the events stored now are those that were sealed. */
async function provenLeaves(db: Queryable, { header }: StoredBlock): Promise<Buffer> {
  const [recomputed] = await recomputeBlocks(db, header.site, header.number, header.number);
  const leaves = recomputed?.leaves ?? Buffer.alloc(0);
  if (recomputed?.found === header.event_count && merkleRoot(leaves).toString('hex') === header.root) return leaves;
  throw new LedgerError('TASKLEDGER_NOT_PROVEN', {
    expected: `the stored events of block ${header.number} of ${header.site} to be those that were sealed`,
    found: 'that they are not',
    remedy: 'Run: taskledger audit verify, which names the events',
  });
}

/** The lines of every key known of these sites. */
export function keyLines(keys: SiteKeys, sites: ReadonlySet<string>): BundleLine[] {
  return [...keys]
    .filter(([site]) => sites.has(site))
    .flatMap(([site, known]) =>
      [...known].map(([key_id, key]) => ({ key: { site, key_id, public_key: key.toString('hex') } })),
    );
}

function notFound(what: Position | string): LedgerError {
  return new LedgerError('TASKLEDGER_NOT_FOUND', {
    expected: `${typeof what === 'string' ? `a task ${what}` : `an event ${formatPosition(what)}`} in this ledger`,
    found: 'none',
    remedy: 'Copy the id or position as the ledger printed it, and check the database',
  });
}

function notSealed(what: string): LedgerError {
  return new LedgerError('TASKLEDGER_NOT_SEALED', {
    expected: `${what} to be in a block`,
    found: 'that it is in none yet',
    remedy: 'Try again in a moment; when it stays so, start the sealer with: taskledger serve',
  });
}
