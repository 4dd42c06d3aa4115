import type { Finding } from '../events/blocks/check-block.ts';
import type { Queryable } from '../postgres/queryable.ts';

/** What the database says now about the place of a finding; what was altered may lie. */
export interface FindingFacts {
  readonly type: string | undefined;
  readonly taskId: string | undefined;
  /** When the block was sealed, ISO 8601; undefined where no block is named or it is not there. */
  readonly sealedAt: string | undefined;
}

/** What is stored at the place of a finding. */
export async function findingFacts(db: Queryable, finding: Finding): Promise<FindingFacts> {
  const seq = 'seq' in finding ? String(finding.seq) : null;
  const block = 'block' in finding ? String(finding.block) : null;
  const { rows } = await db.query(
    `select (select type from taskledger.events where site = $1 and seq = $2::bigint) as type,
            (select task_id::text from taskledger.events where site = $1 and seq = $2::bigint) as task_id,
            (select (extract(epoch from sealed_at) * 1000)::bigint::text from taskledger.blocks where site = $1 and number = $3::bigint) as sealed_at_ms`,
    [finding.site, seq, block],
  );
  const [row] = rows as { type: string | null; task_id: string | null; sealed_at_ms: string | null }[];
  const sealedAtMs = row?.sealed_at_ms ?? undefined;
  return {
    type: row?.type ?? undefined,
    taskId: row?.task_id ?? undefined,
    sealedAt: sealedAtMs === undefined ? undefined : new Date(Number(sealedAtMs)).toISOString(),
  };
}
