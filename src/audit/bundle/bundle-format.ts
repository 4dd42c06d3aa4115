import { z } from 'zod';
import type { StoredBlock } from '../../events/blocks/stored-block.ts';
import { membersHash, membersText, parseMembers } from '../../events/members.ts';
import { cloudEventSchema } from './cloud-event.ts';

/** The format this release writes and reads: docs/reference/proof-format.md. */
export const BUNDLE_FORMAT = 1;

const hex = (digits: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const number = z.string().regex(/^[1-9]\d{0,18}$/);

const rangeSchema = z.strictObject({ site: z.string(), from: number, to: number });

const scopeSchema = z.discriminatedUnion('kind', [
  /** Whole blocks: every event of them is there. */
  z.strictObject({ kind: z.literal('range'), ranges: z.array(rangeSchema).min(1) }),
  /** The sealed events of one task, each with its path. `versions` is the last one. */
  z.strictObject({ kind: z.literal('task'), task_id: z.string(), versions: z.int().min(0), unsealed: z.int().min(0) }),
  z.strictObject({ kind: z.literal('event'), site: z.string(), seq: number }),
]);

/** What a bundle says it holds. */
export type BundleScope = z.infer<typeof scopeSchema>;
export type BundleRange = z.infer<typeof rangeSchema>;

const beginningSchema = z.strictObject({
  taskledger_bundle: z.literal(BUNDLE_FORMAT),
  scope: scopeSchema,
  payloads: z.enum(['included', 'withheld']),
});

const keySchema = z.strictObject({
  key: z.strictObject({ site: z.string(), key_id: hex(32), public_key: hex(64) }),
});

const blockSchema = z.strictObject({
  block: z.strictObject({
    format: z.int(),
    site: z.string(),
    number,
    members: z.string(),
    event_count: z.int().min(1),
    root: hex(64),
    prev_hash: hex(64),
    sealed_at_ms: z.string().regex(/^\d{1,15}$/),
    sealed_by: z.string(),
    hash: hex(64),
    key_id: hex(32),
    signature: hex(128),
    leaf_hints: z
      .string()
      .regex(/^([0-9a-f]{8})*$/)
      .optional(),
  }),
});

const eventSchema = z.strictObject({ event: cloudEventSchema, path: z.array(hex(64)).max(64).optional() });

const endSchema = z.strictObject({
  end: z.strictObject({ blocks: z.int(), events: z.int(), sha256: hex(64) }),
});

export const lineSchema = z.union([eventSchema, blockSchema, keySchema, beginningSchema, endSchema]);

export type BundleLine = z.infer<typeof lineSchema>;
export type Beginning = z.infer<typeof beginningSchema>;
export type KeyLine = z.infer<typeof keySchema>['key'];
export type BlockLine = z.infer<typeof blockSchema>['block'];
export type EventLine = z.infer<typeof eventSchema>;
export type EndLine = z.infer<typeof endSchema>['end'];

/** A block as its line. The hints are for whole blocks only, where they point at an altered event. */
export function blockLine({ header, members, ...block }: StoredBlock, hints: boolean): { readonly block: BlockLine } {
  const { format, site, number: n, event_count, root, prev_hash, sealed_at_ms, sealed_by } = header;
  return {
    block: {
      format,
      site,
      number: String(n),
      members: membersText(members),
      event_count,
      root,
      prev_hash,
      sealed_at_ms,
      sealed_by,
      hash: block.hash,
      key_id: block.keyId,
      signature: block.signature.toString('hex'),
      ...(hints ? { leaf_hints: block.leafHints.toString('hex') } : {}),
    },
  };
}

/** A block from its line; undefined when its members cannot be read. */
export function blockOfLine({ members: text, ...line }: BlockLine): StoredBlock | undefined {
  const members = parseMembers(text);
  if (members === undefined) return undefined;
  const { site, event_count, root, prev_hash, sealed_at_ms, sealed_by } = line;
  return {
    header: {
      format: line.format,
      site,
      number: BigInt(line.number),
      members_hash: membersHash(members),
      event_count,
      root,
      prev_hash,
      sealed_at_ms,
      sealed_by,
    },
    members,
    hash: line.hash,
    keyId: line.key_id,
    signature: Buffer.from(line.signature, 'hex'),
    leafHints: Buffer.from(line.leaf_hints ?? '', 'hex'),
  };
}
