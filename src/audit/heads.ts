import { z } from 'zod';
import { readHeads, readSiteKeys, type StoredBlock } from '../events/blocks/stored-block.ts';
import { LedgerError } from '../errors.ts';
import type { Queryable } from '../postgres/queryable.ts';

const hex = (digits: number): z.ZodString => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));

/** The head of a site as an auditor keeps it, outside everything the operator can change. */
export const headSchema = z.object({
  site: z.string(),
  number: z.string().regex(/^[1-9]\d{0,18}$/),
  hash: hex(64),
  key_id: hex(32),
  public_key: hex(64),
  sealed_at: z.iso.datetime(),
});

export type Head = z.infer<typeof headSchema>;

/** The last block of every site that has one: what to keep outside, so that nothing up to here can be changed unnoticed. */
export async function currentHeads(db: Queryable): Promise<Head[]> {
  const [blocks, keys] = await Promise.all([readHeads(db), readSiteKeys(db)]);
  return blocks.map((block) => headOf(block, keys.get(block.header.site)?.get(block.keyId)));
}

/** A block as a head. */
export function headOf({ header, hash, keyId }: StoredBlock, publicKey: Buffer | undefined): Head {
  return {
    site: header.site,
    number: String(header.number),
    hash,
    key_id: keyId,
    public_key: publicKey?.toString('hex') ?? '',
    sealed_at: new Date(Number(header.sealed_at_ms)).toISOString(),
  };
}

/**
 * Reads heads that were kept: one JSON object per line, as `audit heads --json` prints them.
 * @throws LedgerError TASKLEDGER_INVALID_INPUT naming the line
 */
export function parseHeads(text: string): Head[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const heads = lines.map((line, i) => {
    const parsed = headSchema.safeParse(jsonOf(line));
    if (parsed.success) return parsed.data;
    throw invalid(
      `line ${i + 1} to be a head as audit heads --json prints it`,
      parsed.error.issues[0]?.message ?? 'something else',
    );
  });
  if (heads.length === 0) throw invalid('at least one head', 'none');
  return heads;
}

function jsonOf(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function invalid(expected: string, found: string): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_INPUT', {
    expected,
    found,
    remedy: 'Keep heads with: taskledger audit heads --json',
  });
}
