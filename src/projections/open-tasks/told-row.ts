import { isDecision, type EventOf, type TaskDecision, type TaskEvent } from '../../events/event.ts';
import { fold } from '../../events/evolve.ts';
import type { TaskState } from '../../events/task-state.ts';

/** The columns of a row of `open_tasks` as the log tells them; times as ISO 8601, 64-bit numbers as text. */
export interface ToldRow {
  readonly state: 'pending' | 'leased' | 'in_doubt';
  readonly columns: Readonly<Record<string, unknown>>;
  /** Undefined unless leased. */
  readonly lease: EventOf<'task.leased'> | undefined;
}

/**
 * What the hot table must hold for a task with these events: undefined when it is finished, or not submitted yet.
 * @throws LedgerError TASKLEDGER_HISTORY_BROKEN
 */
export function toldRow(events: readonly TaskEvent[]): ToldRow | undefined {
  const task = fold(events);
  if (task === undefined || !isOpen(task.state)) return undefined;
  const retriedIn = last(events, 'task.retried')?.version ?? 0;
  const latestLease = last(events, 'task.leased');
  const lease = latestLease !== undefined && latestLease.version > retriedIn ? latestLease : undefined;
  const held = task.state === 'leased' ? lease : undefined;
  return {
    state: task.state,
    lease: held,
    columns: { ...fromState(task), ...fromLease(lease), progress: reported(held, events) },
  };
}

function fromState(task: TaskState): ToldRow['columns'] {
  const { submitted, realm, name, queue, version, state, run_at, start_before, deadline } = task;
  return {
    ...{ realm, name, queue, version, state, run_at, start_before, deadline },
    submitted_site: submitted.site,
    submitted_seq: String(submitted.seq),
    // Zero has no sign in a smallint.
    rank: 0 - task.priority,
    group: task.group ?? '',
    pin: task.plugin ?? '',
    attempt: task.attempt,
    attempts: task.attempts,
    priority: task.priority,
    protected: task.protected,
    checkpoint: task.checkpoint,
    abort_answers: abortAnswers(task),
  };
}

/** The lease a row names is its latest, and stays there after its end: nothing asks for it then. */
function fromLease(lease: EventOf<'task.leased'> | undefined): ToldRow['columns'] {
  return { lease_epoch: lease?.epoch ?? null, lease_version: lease?.version ?? null };
}

/** Requests an attempt, or whoever resolves a doubt, will answer. Those about a pending task are answered at once. */
function abortAnswers({ state, open_requests }: TaskState): readonly [string, string][] | null {
  const aborts = open_requests.filter(({ type }) => type === 'task.abort_requested');
  if (state === 'pending' || aborts.length === 0) return null;
  return aborts.map(({ site, seq }) => [site, String(seq)]);
}

/** When the latest report that became an event did so; between two of them the hot row knows more than the log. */
function reported(lease: EventOf<'task.leased'> | undefined, events: readonly TaskEvent[]): string | null {
  const report = lease === undefined ? undefined : last(events, 'task.progressed');
  return report === undefined || lease === undefined || report.version < lease.version ? null : report.occurred_at;
}

function last<T extends TaskDecision['type']>(events: readonly TaskEvent[], type: T): EventOf<T> | undefined {
  const found = events.filter(isDecision).filter((event) => event.type === type);
  return found.reduce<TaskDecision | undefined>(
    (latest, event) => (latest === undefined || event.version > latest.version ? event : latest),
    undefined,
  ) as EventOf<T> | undefined;
}

function isOpen(state: TaskState['state']): state is ToldRow['state'] {
  return state === 'pending' || state === 'leased' || state === 'in_doubt';
}
