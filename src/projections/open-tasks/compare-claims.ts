import type { Queryable } from '../../postgres/queryable.ts';
import { differenceOf, type Difference } from './difference.ts';
import type { ToldRow } from './told-row.ts';

interface ClaimRow {
  readonly claim_id: string;
  readonly runner: string | null;
  readonly host: string | null;
  readonly ttl_ms: number | null;
  readonly open: number | null;
  /** Rows of open_tasks under this claim, and how many of them its `task_ids` name. */
  readonly held: number;
  readonly named: number;
}

/** The claims in force: one row per claim, so there are few. */
export interface HeldClaims {
  readonly rows: readonly ClaimRow[];
  /** A leased task is held under a claim of the runner its lease event names, any other task under none. */
  differencesOfLease(of: Pick<Difference, 'what' | 'id'>, told: ToldRow, claimId: unknown): Generator<Difference>;
}

export async function readClaims(db: Queryable): Promise<HeldClaims> {
  const { rows } = await db.query(
    `select coalesce(c.claim_id, t.claim_id)::text as claim_id, c.runner, c.host, c.ttl_ms, c.open, count(t.task_id)::int as held,
            count(*) filter (where t.task_id = any (c.task_ids))::int as named
       from taskledger.claims c full join taskledger.open_tasks t on t.claim_id = c.claim_id
      -- Without tasks it marks a secret that must not be granted any more: see recall_claims().
      where c.task_ids <> '{}' or t.claim_id is not null
      group by 1, c.claim_id`,
    [],
  );
  const claims = rows as ClaimRow[];
  const byId = new Map(claims.map((claim) => [claim.claim_id, claim]));
  return {
    rows: claims,
    differencesOfLease: (of, told, claimId) =>
      leaseDifferences(of, told, { claimId, claim: byId.get(String(claimId)) }),
  };
}

/** Every claim counts the leases that are held under it and names their tasks; every lease has its claim. */
export function* claimDifferences({ rows }: HeldClaims): Generator<Difference> {
  for (const { claim_id: id, open, held, named } of rows) {
    const of = { what: 'claim', id } as const;
    if (open === null) yield { ...of, column: 'row', log: `${held} leases`, found: 'no claim' };
    // Without a lease there is no claim, but for the mark of a secret that somebody asked about.
    else if (held === 0 && open !== 0) yield { ...of, column: 'row', log: 'no lease', found: `${open} open` };
    else yield* differenceOf({ ...of, column: 'open', log: held, found: open });
    if (open !== null) yield* differenceOf({ ...of, column: 'task_ids', log: held, found: named });
  }
}

function* leaseDifferences(
  of: Pick<Difference, 'what' | 'id'>,
  { lease }: ToldRow,
  { claimId, claim }: { readonly claimId: unknown; readonly claim: ClaimRow | undefined },
): Generator<Difference> {
  if (lease === undefined) {
    yield* differenceOf({ ...of, column: 'claim_id', log: null, found: claimId });
    return;
  }
  const { runner, host, ttl_ms, claim: toldId } = lease.data as typeof lease.data & { readonly claim?: unknown };
  yield* differenceOf({ ...of, column: 'claim_id', log: String(toldId ?? claim?.claim_id), found: String(claimId) });
  if (claim === undefined || claim.open === null) return;
  const claimed = { what: 'claim', id: claim.claim_id } as const;
  yield* differenceOf({ ...claimed, column: 'runner', log: runner, found: claim.runner });
  yield* differenceOf({ ...claimed, column: 'host', log: host, found: claim.host });
  yield* differenceOf({ ...claimed, column: 'ttl_ms', log: ttl_ms, found: claim.ttl_ms });
}
