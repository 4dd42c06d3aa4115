import { LedgerError } from '../errors.ts';
import { encodePayload } from '../events/payload.ts';
import type { TaskState } from '../events/task-state.ts';
import { claimTasks } from '../ledger/claim.ts';
import { durationMs, type Duration } from '../ledger/duration.ts';
import { reportProgress, type Progress } from '../ledger/progress.ts';
import { settleOutcomes, type OutcomeKind } from '../ledger/settle.ts';
import type { SubmitCall } from '../ledger/submit-calls.ts';
import type { PreparedQueryable } from '../postgres/queryable.ts';
import { attemptErrorJson, describeError } from '../runner/attempt-error.ts';

/** How a task is submitted, where `given` is to do more than give it its input. */
export interface SubmittedStep {
  readonly step: 'submitted';
  readonly call: SubmitCall;
}

/** One thing that happens to a task under a lease. */
export type GivenStep =
  | { readonly step: 'leased'; readonly ttlMs: number }
  | { readonly step: 'progressed'; readonly progress: Progress }
  | {
      readonly step: 'ended';
      readonly kind: OutcomeKind;
      readonly detailJson: string | null;
      readonly retryInMs?: number;
    };

/** With the options of `submit`: a key, a window … */
export function submitted(call: SubmitCall): SubmittedStep {
  return { step: 'submitted', call };
}

/** A runner that does nothing more takes it: let the lease end with `clock.advance(…)`. Default TTL 15 s. */
export function leased(options: { readonly ttl?: Duration } = {}): GivenStep {
  return { step: 'leased', ttlMs: durationMs(options.ttl ?? 15_000, 'leased({ ttl })') };
}

/** Its attempt reports how far it is, or saves a checkpoint. */
export function progressed(progress: Progress): GivenStep {
  return { step: 'progressed', progress };
}

/** Its attempt throws: another one is due after `retryIn` (default at once), or it has failed when that was the last. */
export function attemptFailed(error: unknown, options: { readonly retryIn?: Duration } = {}): GivenStep {
  const retryInMs = durationMs(options.retryIn ?? 0, 'attemptFailed({ retryIn })');
  return {
    step: 'ended',
    kind: 'retry',
    detailJson: attemptErrorJson('HANDLER_ERROR', describeError(error)),
    retryInMs,
  };
}

/** Its attempt throws what no other attempt could mend. */
export function failed(error: unknown): GivenStep {
  return { step: 'ended', kind: 'failed', detailJson: attemptErrorJson('HANDLER_ERROR', describeError(error)) };
}

/** Its attempt returns that. */
export function completed(output?: unknown): GivenStep {
  const detailJson = output === undefined ? null : encodePayload(output, 'completed(output)');
  return { step: 'ended', kind: 'completed', detailJson };
}

/** Its runner gives it back unfinished, as one that is shut down does. */
export function released(reason = 'shutdown'): GivenStep {
  return { step: 'ended', kind: 'released', detailJson: encodePayload({ reason }, 'reason'), retryInMs: 0 };
}

interface Held {
  readonly claimId: string;
  readonly secret: string;
  readonly taskId: string;
}

/**
 * Takes a task through these steps.
 * @param task reads what it is now
 * @throws LedgerError TASKLEDGER_WRONG_STATE when it cannot be leased, or its lease is gone
 */
export async function takeSteps(
  db: PreparedQueryable,
  task: () => Promise<TaskState>,
  steps: readonly GivenStep[],
): Promise<void> {
  let held: Held | undefined;
  for (const step of steps) {
    if (step.step === 'leased') {
      held = await lease(db, await task(), step.ttlMs);
      continue;
    }
    held ??= await lease(db, await task(), 15_000);
    if (step.step === 'progressed') {
      const answer = await reportProgress(db, held, step.progress);
      if (answer === 'lost') throw cannotFollow('progressed', await task());
    } else {
      await end(db, held, step, await task());
      held = undefined;
    }
  }
}

/** Exactly this task: it is the first one after its own place in its lane less one. */
async function lease(db: PreparedQueryable, task: TaskState, ttlMs: number): Promise<Held> {
  const { id, name, queue, priority, run_at: from } = task;
  const pin = task.plugin ?? '';
  const claim = await claimTasks(db, {
    names: [name],
    maxTasks: 1,
    runner: 'given',
    host: 'test',
    ttlMs,
    offers: [{ name, pin }],
    lanes: [{ name, pin, queue, priority, group: task.group ?? '', from, from_id: idBefore(id) }],
  });
  const [got] = claim?.leases ?? [];
  if (claim === undefined || got?.taskId !== id) throw cannotFollow('leased', task);
  return { claimId: claim.claimId, secret: claim.secret, taskId: id };
}

async function end(
  db: PreparedQueryable,
  held: Held,
  { kind, detailJson, retryInMs }: Extract<GivenStep, { step: 'ended' }>,
  task: TaskState,
): Promise<void> {
  const isLast = kind === 'retry' && task.attempt >= task.attempts;
  const outcome = {
    ...{ taskId: held.taskId, claimId: held.claimId, kind: isLast ? ('failed' as const) : kind, detailJson },
    ...{ endedAtMs: 0, ranMs: 0 },
    ...(retryInMs === undefined || isLast ? {} : { retryInMs }),
  };
  const [verdict] = await settleOutcomes(db, [held], [outcome], 0);
  if (verdict !== undefined) throw cannotFollow(kind, task);
}

function idBefore(id: string): string {
  const before = (BigInt(`0x${id.replaceAll('-', '')}`) - 1n).toString(16).padStart(32, '0');
  return before.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function cannotFollow(step: string, { id, state, run_at }: TaskState): LedgerError {
  return new LedgerError('TASKLEDGER_WRONG_STATE', {
    expected: `a task to which "${step}" can happen next`,
    found: `${id}, ${state}${state === 'pending' ? ` and due at ${run_at}` : ''}`,
    remedy: 'Look at the steps given before it, or move the clock to when the task is due',
  });
}
