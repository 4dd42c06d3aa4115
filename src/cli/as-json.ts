import type { LedgerEvent } from '../events/event.ts';
import { formatPosition } from '../events/position.ts';
import type { TaskState } from '../events/task-state.ts';
import type { TaskSummary } from '../ledger/list-tasks.ts';
import type { Submitted } from '../ledger/submit.ts';

/*
 * What `--json` prints. Keys are snake_case as in the events, positions print as `ams/17`, and 64-bit numbers are bigints
 * here, which `jsonLine` writes as strings.
 */

export function eventJson(event: LedgerEvent): object {
  const { site, seq, occurred_at, type, task_id, version, realm, epoch, actor, context, data } = event;
  return {
    position: formatPosition(event),
    site,
    seq,
    occurred_at,
    type,
    task_id,
    version,
    realm,
    epoch,
    actor,
    context,
    data,
  };
}

export function taskJson({ submitted, open_requests, answered_early, ...task }: TaskState): object {
  return {
    ...task,
    submitted: formatPosition(submitted),
    open_requests: open_requests.map((request) => ({ type: request.type, position: formatPosition(request) })),
    answered_early: answered_early.map(formatPosition),
  };
}

export function summaryJson({ submittedAt, finishedAt, runBy, cursor: _cursor, ...task }: TaskSummary): object {
  return {
    ...task,
    run_by: runBy,
    submitted_at: submittedAt.toISOString(),
    finished_at: finishedAt?.toISOString() ?? null,
  };
}

export function submittedJson({ id, site, seq, created }: Submitted): object {
  return { id, site, seq, position: formatPosition({ site, seq }), created };
}
