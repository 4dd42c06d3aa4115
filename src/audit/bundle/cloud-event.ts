import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { LeafColumns } from '../../events/leaf-hash.ts';
import { formatPosition } from '../../events/position.ts';
import { leafColumns, type StoredEvent } from '../stored-event.ts';

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const digits = z.string().regex(/^[1-9]\d{0,18}$/);

/**
 * An event of the log as a CloudEvent 1.0 in its JSON format. `data_base64` and `context` are the stored JSON texts byte for
 * byte, because these are what was hashed: a parser that read `data` would give back 1.0 as 1. Both are missing where the
 * payload is withheld; their hashes are always there.
 */
export const cloudEventSchema = z.strictObject({
  specversion: z.literal('1.0'),
  id: z.string(),
  source: z.string(),
  type: z.string(),
  subject: z.string().optional(),
  time: z.iso.datetime({ precision: 3 }),
  site: z.string(),
  seq: digits,
  realm: z.string(),
  epoch: z.int(),
  version: z.int().optional(),
  actor: z.string(),
  contexthash: hash.optional(),
  datahash: hash,
  context: z.base64().optional(),
  datacontenttype: z.literal('application/json').optional(),
  data_base64: z.base64().optional(),
});

export type CloudEvent = z.infer<typeof cloudEventSchema>;

/** The stored event as a CloudEvent, with its payloads or, withheld, without. */
export function cloudEventOf(event: StoredEvent, withheld: boolean): CloudEvent {
  const bare = bareCloudEvent(leafColumns(event));
  if (withheld) return bare;
  return {
    ...bare,
    ...(event.context === null ? {} : { context: base64(event.context) }),
    datacontenttype: 'application/json',
    data_base64: base64(event.data),
  };
}

function bareCloudEvent(columns: LeafColumns): CloudEvent {
  const { site, seq, task_id, version, context_hash } = columns;
  return {
    specversion: '1.0',
    id: formatPosition({ site, seq: BigInt(seq) }),
    source: `/taskledger/sites/${site}`,
    type: columns.type,
    ...(task_id === null ? {} : { subject: task_id }),
    time: new Date(Number(columns.occurred_at_ms)).toISOString(),
    site,
    seq,
    realm: columns.realm,
    epoch: Number(columns.epoch),
    ...(version === null ? {} : { version: Number(version) }),
    actor: columns.actor,
    ...(context_hash === null ? {} : { contexthash: context_hash }),
    datahash: columns.data_hash,
  };
}

/** What enters the leaf hash, from the attributes alone. */
export function columnsOfCloudEvent(event: CloudEvent): LeafColumns {
  return {
    site: event.site,
    seq: event.seq,
    realm: event.realm,
    epoch: String(event.epoch),
    task_id: event.subject ?? null,
    version: event.version === undefined ? null : String(event.version),
    type: event.type,
    occurred_at_ms: String(Date.parse(event.time)),
    actor: event.actor,
    context_hash: event.contexthash ?? null,
    data_hash: event.datahash,
  };
}

/** What of a CloudEvent contradicts itself; undefined when nothing does. Its leaf hash is another matter. */
export function contradictionIn(event: CloudEvent): string | undefined {
  const bare = bareCloudEvent(columnsOfCloudEvent(event));
  if (event.id !== bare.id) return `its id is not that of ${bare.id}`;
  if (event.source !== bare.source) return `its source is not site ${event.site}`;
  if (event.time !== bare.time) return 'its time is not in milliseconds, UTC';
  if (event.context !== undefined && hashOf(event.context) !== event.contexthash)
    return 'its context is not the one that was hashed';
  if (event.data_base64 !== undefined && hashOf(event.data_base64) !== event.datahash)
    return 'its data are not those that were hashed';
  if ((event.data_base64 === undefined) !== (event.datacontenttype === undefined))
    return 'its content type is that of no data';
  return undefined;
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

/** Of the bytes, not of what they say as text: bytes that are no UTF-8 would read as others that are. Undefined for a second spelling. */
function hashOf(encoded: string): string | undefined {
  const bytes = Buffer.from(encoded, 'base64');
  return bytes.toString('base64') === encoded ? createHash('sha256').update(bytes).digest('hex') : undefined;
}
