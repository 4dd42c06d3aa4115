import { createPrivateKey } from 'node:crypto';
import { BUNDLE_FORMAT, blockLine, type BundleScope } from '../../src/audit/bundle/bundle-format.ts';
import { BundleLines } from '../../src/audit/bundle/bundle-lines.ts';
import { cloudEventOf } from '../../src/audit/bundle/cloud-event.ts';
import { leafColumns, type StoredEvent } from '../../src/audit/stored-event.ts';
import type { StoredBlock } from '../../src/events/blocks/stored-block.ts';
import { leafHints } from '../../src/events/blocks/tick.ts';
import { headerBytes, headerHash, NO_HASH, type BlockHeader } from '../../src/events/block-header.ts';
import { leafHash } from '../../src/events/leaf-hash.ts';
import { membersFromMultirange, membersHash, membersText, placeOf } from '../../src/events/members.ts';
import { inclusionPath, merkleRoot } from '../../src/events/merkle.ts';
import { keyIdOf, rawPublicKey, signHeader } from '../../src/events/signature.ts';

/** A key everybody knows: 00 01 02 … 1f. */
const seed = Buffer.from(Array.from({ length: 32 }, (_byte, i) => i));
const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
const privateKey = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
const publicKey = rawPublicKey(privateKey);
const keyId = keyIdOf(publicKey);

const task = '019a3b5c-0e8f-7c1a-9d2e-3f4a5b6c7d8e';
const secondIncarnation = (1n << 40n) | 5n;
const base = { site: 'ams', realm: 'ams', epoch: '1', actor: 'app', task_id: task, context: null } as const;

/** Events whose stored texts a parser would not give back: spaces, 1.0, a key twice, letters of every length in UTF-8. */
const events: readonly StoredEvent[] = [
  {
    ...base,
    seq: '1',
    task_id: null,
    version: null,
    type: 'site.opened',
    occurred_at_ms: '1767225600000',
    data: '{"name":"ams"}',
  },
  {
    ...base,
    seq: '2',
    version: '1',
    type: 'task.submitted',
    occurred_at_ms: '1767225600001',
    context: '{"on_behalf_of":"Zoë"}',
    data: '{"name": "payouts.settle", "input": {"amount": 1.0, "to": "Zoë 🦊"}}',
  },
  {
    ...base,
    seq: '3',
    version: '2',
    type: 'task.leased',
    occurred_at_ms: '1767225600123',
    actor: 'runner',
    data: '{"attempt":1}',
  },
  {
    ...base,
    seq: '7',
    version: null,
    type: 'task.abort_requested',
    occurred_at_ms: '1767225601999',
    data: '{"reason":"\\u0041","reason":"B"}',
  },
  {
    ...base,
    seq: '8',
    version: '3',
    type: 'task.completed',
    occurred_at_ms: '1767225602000',
    actor: 'runner',
    data: '{"output":null}',
  },
  {
    ...base,
    seq: String(secondIncarnation),
    task_id: null,
    version: null,
    type: 'site.opened',
    occurred_at_ms: '-1',
    data: '{}',
  },
];

const leafOf = (event: StoredEvent): Buffer => leafHash(leafColumns(event));

function sealed(number: bigint, members: string, prevHash: string, of: readonly StoredEvent[] = events): StoredBlock {
  const parsed = membersFromMultirange(members);
  const leaves = leavesOf(parsed, of);
  const header: BlockHeader = {
    format: 1,
    site: 'ams',
    number,
    members_hash: membersHash(parsed),
    event_count: leaves.length / 32,
    root: merkleRoot(leaves).toString('hex'),
    prev_hash: prevHash,
    sealed_at_ms: String(1_767_225_602_050n + number),
    sealed_by: 'ams',
  };
  return {
    header,
    members: parsed,
    hash: headerHash(header),
    keyId,
    signature: signHeader(header, privateKey),
    leafHints: leafHints(leaves),
  };
}

function leavesOf(members: StoredBlock['members'], of: readonly StoredEvent[] = events): Buffer {
  return Buffer.concat(of.filter(({ seq }) => placeOf(members, BigInt(seq)) !== undefined).map(leafOf));
}

const first = sealed(1n, '{[1,4),[7,9)}', NO_HASH);
const second = sealed(2n, `{[${secondIncarnation},${secondIncarnation + 1n})}`, first.hash);

function leafVector(event: StoredEvent): object {
  const { context_hash, data_hash } = leafColumns(event);
  return { ...event, context_hash, data_hash, leaf: leafOf(event).toString('hex') };
}

function treeVector(count: number): object {
  const leaves = Buffer.concat(
    Array.from({ length: count }, (_leaf, i) => leafOf({ ...events[0]!, seq: String(i + 1) })),
  );
  const paths = Array.from({ length: count }, (_leaf, i) =>
    inclusionPath(leaves, i).map((hash) => hash.toString('hex')),
  );
  return { leaves: leaves.toString('hex'), root: merkleRoot(leaves).toString('hex'), paths };
}

function blockVector({ header, members, hash, signature }: StoredBlock): object {
  return {
    ...header,
    number: String(header.number),
    members: membersText(members),
    bytes: headerBytes(header).toString('hex'),
    hash,
    signature: signature.toString('hex'),
  };
}

/** Everything the proof format computes, from a fixed key and fixed events. */
export const proofVectors = {
  key: { seed: seed.toString('hex'), public_key: publicKey.toString('hex'), key_id: keyId },
  events: events.map(leafVector),
  trees: [0, 1, 2, 3, 4, 5, 7, 8, 9].map(treeVector),
  blocks: [first, second].map(blockVector),
};

function bundle(scope: BundleScope, withheld: boolean, only: (event: StoredEvent) => boolean): string {
  const whole = scope.kind === 'range';
  const lines = new BundleLines();
  let text = lines.line({ taskledger_bundle: BUNDLE_FORMAT, scope, payloads: withheld ? 'withheld' : 'included' });
  text += lines.line({ key: { site: 'ams', key_id: keyId, public_key: publicKey.toString('hex') } });
  for (const block of [first, second]) {
    const inside = events.filter((event) => placeOf(block.members, BigInt(event.seq)) !== undefined && only(event));
    if (inside.length > 0) text += lines.line(blockLine(block, whole));
    for (const event of inside) {
      const place = placeOf(block.members, BigInt(event.seq)) ?? 0;
      const path = inclusionPath(leavesOf(block.members), place).map((hash) => hash.toString('hex'));
      text += lines.line({ event: cloudEventOf(event, withheld), ...(whole ? {} : { path }) });
    }
  }
  return text + lines.end();
}

const range: BundleScope = { kind: 'range', ranges: [{ site: 'ams', from: '1', to: '2' }] };

/** Bundles of these events, by file name. */
export const bundleVectors: Readonly<Record<string, string>> = {
  'range.ndjson': bundle(range, false, () => true),
  'range-withheld.ndjson': bundle(range, true, () => true),
  'task.ndjson': bundle(
    { kind: 'task', task_id: task, versions: 3, unsealed: 0 },
    false,
    ({ task_id }) => task_id === task,
  ),
  'event.ndjson': bundle({ kind: 'event', site: 'ams', seq: '8' }, false, ({ seq }) => seq === '8'),
};

/** The head an auditor would have kept. */
export const headVector = {
  site: 'ams',
  number: '2',
  hash: second.hash,
  key_id: keyId,
  public_key: publicKey.toString('hex'),
  sealed_at: new Date(Number(second.header.sealed_at_ms)).toISOString(),
};

const blockEvents = 500;

/** A bundle of whole blocks of any size, line by line. @param dataBytes of each event */
export function* largeBundle(blocks: number, dataBytes: number): Generator<string> {
  const lines = new BundleLines();
  const ranges = [{ site: 'ams', from: '1', to: String(blocks) }];
  yield lines.line({ taskledger_bundle: BUNDLE_FORMAT, scope: { kind: 'range', ranges }, payloads: 'included' });
  yield lines.line({ key: { site: 'ams', key_id: keyId, public_key: publicKey.toString('hex') } });
  let hash = NO_HASH;
  for (let number = 0; number < blocks; number += 1) {
    const from = number * blockEvents + 1;
    const inside = Array.from({ length: blockEvents }, (_event, i) => ({
      ...events[1]!,
      seq: String(from + i),
      data: `"${'x'.repeat(dataBytes)}"`,
    }));
    const block = sealed(BigInt(number + 1), `{[${from},${from + blockEvents})}`, hash, inside);
    hash = block.hash;
    yield lines.line(blockLine(block, true));
    for (const event of inside) yield lines.line({ event: cloudEventOf(event, false) });
  }
  yield lines.end();
}
