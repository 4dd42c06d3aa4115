import { createHash } from 'node:crypto';

/**
 * The columns of an event as text, exactly as stored: what is hashed. `occurred_at_ms` is milliseconds since the Unix
 * epoch. `context` and `data` are the stored JSON text, or only its SHA-256 in hex where the payload is withheld.
 */
export interface LeafColumns {
  readonly site: string;
  readonly seq: string;
  readonly realm: string;
  readonly epoch: string;
  readonly task_id: string | null;
  readonly version: string | null;
  readonly type: string;
  readonly occurred_at_ms: string;
  readonly actor: string;
  readonly context_hash: string | null;
  readonly data_hash: string;
}

const leafPrefix = Buffer.of(0);

/** SHA-256 of a stored JSON text, in hex: how payloads enter the leaf, so that a proof can do without them. */
export function payloadHash(text: string): string {
  return createHash('sha256').update(text, 'utf8').digest('hex');
}

/** The leaf hash of an event, format `tl1`: docs/reference/proof-format.md. 32 bytes. */
export function leafHash(event: LeafColumns): Buffer {
  const fields = [
    'tl1',
    event.site,
    event.seq,
    event.realm,
    event.epoch,
    event.task_id ?? '',
    event.version ?? '',
    event.type,
    event.occurred_at_ms,
    event.actor,
    event.context_hash ?? '',
    event.data_hash,
  ];
  return createHash('sha256').update(leafPrefix).update(fields.join('\n'), 'utf8').digest();
}
