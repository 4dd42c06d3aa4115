import type { PreparedQueryable } from '../postgres/queryable.ts';
import type { RetryPolicy } from '../events/submitted.ts';

/** Tasks of one name, pin, queue, priority and group, in the order of their start times. */
export interface Lane {
  readonly name: string;
  /** The version range they ask of their plugin; '' for none. */
  readonly pin: string;
  readonly queue: string;
  readonly priority: number;
  /** Whose they are; '' for nobody in particular. */
  readonly group: string;
  /** Low-water mark, the run_at and the id of a task: what comes before it was claimed already. */
  readonly from: string;
  readonly from_id: string;
  /** How many lanes of this priority are still to come, this one included: they share evenly. */
  readonly lanes_left?: number;
}

/** Tasks a runner can run: those of this name that ask for this version range of their plugin. */
export interface Offer {
  readonly name: string;
  /** The range as the tasks have it; '' for those that ask for none. */
  readonly pin: string;
  /** Recorded in the lease event of each. */
  readonly leased?: {
    readonly plugin?: string;
    readonly manifest_digest?: string;
    readonly limits?: Readonly<Record<string, unknown>>;
  };
}

export interface ClaimRequest {
  readonly names: readonly string[];
  /** Only these, whatever `names` says; undefined means tasks of `names` that ask for no plugin. */
  readonly offers?: readonly Offer[] | undefined;
  /** At most that many tasks, 1 … 10 000. */
  readonly maxTasks: number;
  readonly runner: string;
  readonly host: string;
  readonly ttlMs: number;
  /** Random, made for this call alone: `recallClaims` asks by it when the answer was lost. Undefined: made by the ledger. */
  readonly secret?: string | undefined;
  /** Only these queues; undefined means all. */
  readonly queues?: readonly string[] | undefined;
  /** Look only there; undefined means look at every lane from its start. */
  readonly lanes?: readonly Lane[] | undefined;
}

/** What a `task.submitted` event says of the task, as stored. */
export interface SubmittedData {
  readonly name: string;
  readonly input: unknown;
  readonly queue: string;
  readonly group?: string;
  readonly priority: number;
  readonly plugin?: string;
  readonly retry: RetryPolicy;
  readonly timeout_ms?: number;
  readonly deadline?: string;
  readonly protected?: true;
}

/** The right to run one attempt. */
export interface Lease {
  readonly taskId: string;
  readonly claimId: string;
  readonly epoch: number;
  readonly version: number;
  readonly attempt: number;
  readonly runAt: string;
  readonly submitted: SubmittedData;
  readonly checkpoint: unknown;
}

/** The leases granted by one call: they share a secret and an end, and are renewed together. */
export interface Claim {
  readonly claimId: string;
  readonly secret: string;
  readonly leases: readonly Lease[];
  /** Characters of the answer: what these leases take in memory, roughly. */
  readonly size: number;
}

type LeaseTuple = [
  taskId: string,
  epoch: number,
  version: number,
  attempt: number,
  runAt: string,
  data: SubmittedData,
  checkpoint?: unknown,
];

export interface ClaimRow {
  readonly claim_id: string;
  readonly secret: string;
  readonly tasks: string;
}

/** The arguments of `claimCall`, in order. */
export function claimValues(request: ClaimRequest): unknown[] {
  return [
    request.names,
    request.maxTasks,
    request.runner,
    request.host,
    request.ttlMs,
    request.queues ?? null,
    request.lanes === undefined ? null : JSON.stringify(request.lanes),
    request.secret ?? null,
    request.offers === undefined ? null : JSON.stringify(request.offers),
  ];
}

/** The call of `taskledger.claim` with `claimValues` as parameters from `$first` on. */
export function claimCall(first: number): string {
  const $ = (i: number): string => `$${first + i}`;
  return `taskledger.claim(${[0, 1, 2, 3, 4, 5, 6].map($).join(', ')}, own_secret => ${$(7)}, offers => ${$(8)})`;
}

export function claimOf(row: ClaimRow): Claim {
  const leases = (JSON.parse(row.tasks) as LeaseTuple[]).map(
    ([taskId, epoch, version, attempt, runAt, submitted, checkpoint]): Lease => ({
      taskId,
      claimId: row.claim_id,
      epoch,
      version,
      attempt,
      runAt,
      submitted,
      checkpoint,
    }),
  );
  return { claimId: row.claim_id, secret: row.secret, leases, size: row.tasks.length };
}

/**
 * Leases due tasks to a runner; undefined when there are none.
 * @throws whatever pg throws; the caller translates
 */
export async function claimTasks(db: PreparedQueryable, request: ClaimRequest): Promise<Claim | undefined> {
  const { rows } = await db.query({
    name: 'taskledger.claim',
    text: `select claim_id, secret, tasks from ${claimCall(1)}`,
    values: claimValues(request),
  });
  const row = rows[0] as ClaimRow | undefined;
  return row === undefined ? undefined : claimOf(row);
}
