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
  /** Only up to this run_at: a part of what lies behind the mark of a lane that is named beside it. */
  readonly until?: string;
  /** Its priority, and what its wait has added: higher ones are served first. Undefined: as its priority. */
  readonly level?: number;
  /** Which part of what is left when it is its turn it may take; undefined means all. */
  readonly share?: number;
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
  /** With too many groups for one look at everything: begin after this one. */
  readonly afterGroup?: string | undefined;
  /** Look only there; undefined means look at every lane from its start. */
  readonly lanes?: readonly Lane[] | undefined;
  /** Look beside them for lanes that are not among them. */
  readonly wider?: boolean | undefined;
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

/** The answer of `claimCall`; without leases there may be the rest alone. */
export type ClaimAnswerRow = (ClaimRow | { readonly claim_id: null }) & {
  readonly again_ms: number | null;
  readonly next_group: string | null;
};

export interface ClaimAnswer {
  /** Undefined when nothing was granted. */
  readonly claim: Claim | undefined;
  /** A lane was passed over because of a cap, and may give something in that time. */
  readonly againMs?: number | undefined;
  /** There were too many groups for one look: where to begin the next one. */
  readonly nextGroup?: string | undefined;
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
    request.afterGroup ?? '',
    request.wider ?? false,
  ];
}

/** The call of `taskledger.claim` with `claimValues` as parameters from `$first` on. */
export function claimCall(first: number): string {
  const $ = (i: number): string => `$${first + i}`;
  return `taskledger.claim(${[0, 1, 2, 3, 4, 5, 6].map($).join(', ')}, own_secret => ${$(7)}, offers => ${$(8)}, tell_again => true, after_group => ${$(9)}, wider => ${$(10)})`;
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

export function claimAnswerOf(row: ClaimAnswerRow | undefined): ClaimAnswer {
  if (row === undefined) return { claim: undefined };
  return {
    claim: row.claim_id === null ? undefined : claimOf(row),
    againMs: row.again_ms ?? undefined,
    nextGroup: row.next_group ?? undefined,
  };
}

/**
 * Leases due tasks to a runner; undefined when there are none.
 * @throws whatever pg throws; the caller translates
 */
export async function claimTasks(db: PreparedQueryable, request: ClaimRequest): Promise<Claim | undefined> {
  return (await askForTasks(db, request)).claim;
}

/**
 * Leases due tasks to a runner, and says how soon to ask again.
 * @throws whatever pg throws; the caller translates
 */
export async function askForTasks(db: PreparedQueryable, request: ClaimRequest): Promise<ClaimAnswer> {
  const { rows } = await db.query({
    name: 'taskledger.claim',
    text: `select claim_id, secret, tasks, again_ms, next_group from ${claimCall(1)}`,
    values: claimValues(request),
  });
  return claimAnswerOf(rows[0] as ClaimAnswerRow | undefined);
}
