import { changesOf } from './decision-changes.ts';
import { isDecision, type TaskDecision, type TaskEvent, type TaskRemark } from './event.ts';
import { historyBroken } from './history-broken.ts';
import { withAnswers, withRequest } from './open-requests.ts';
import { initialState } from './initial-state.ts';
import type { TaskState } from './task-state.ts';
import { allowedFrom, isUnderLease } from './transitions.ts';

/**
 * The state of a task after one more event. Pure. Decisions come in the order (epoch, version), starting with
 * `task.submitted`; requests and refused results come anywhere after that and commute (I5).
 * Events beyond a takeover's cut must have been left out by the caller.
 * @throws LedgerError `TASKLEDGER_HISTORY_BROKEN` if the event cannot follow
 */
export function evolve(state: TaskState | undefined, event: TaskEvent): TaskState {
  if (state === undefined) return initialState(event);
  if (event.task_id !== state.id || event.realm !== state.realm) {
    throw historyBroken(state, event, `an event of task ${state.id} in realm ${state.realm}`);
  }
  return isDecision(event) ? decide(state, event) : note(state, event);
}

/**
 * The state of a task from all its events, given in any order; undefined as long as no decision is among them.
 * @throws LedgerError `TASKLEDGER_HISTORY_BROKEN` if they do not follow one another
 */
export function fold(events: Iterable<TaskEvent>): TaskState | undefined {
  const decisions: TaskDecision[] = [];
  const remarks: TaskRemark[] = [];
  for (const event of events) {
    if (isDecision(event)) decisions.push(event);
    else remarks.push(event);
  }
  if (decisions.length === 0) return undefined;
  decisions.sort((a, b) => a.epoch - b.epoch || a.version - b.version);
  return [...decisions, ...remarks].reduce<TaskState | undefined>(evolve, undefined);
}

function decide(state: TaskState, event: TaskDecision): TaskState {
  requireNextVersion(state, event);
  requireAllowed(state, event);
  requireLease(state, event);
  const requests = withAnswers(state, event.context?.answers ?? []);
  return { ...state, ...changesOf(state, event), ...requests, epoch: event.epoch, version: event.version };
}

function note(state: TaskState, event: TaskRemark): TaskState {
  if (event.type === 'task.result_refused') return { ...state, refused_results: state.refused_results + 1 };
  return { ...state, ...withRequest(state, { site: event.site, seq: event.seq, type: event.type }) };
}

// The version runs on across epochs, and an epoch never comes back.
function requireNextVersion(state: TaskState, event: TaskDecision): void {
  if (event.version === state.version + 1 && event.epoch >= state.epoch) return;
  throw historyBroken(state, event, `version ${state.version + 1} in epoch ${state.epoch} or later`);
}

// I3
function requireAllowed(state: TaskState, event: TaskDecision): void {
  const states = allowedFrom[event.type];
  if (states.includes(state.state)) return;
  throw historyBroken(
    state,
    event,
    `${event.type} only ${states.length > 0 ? `from ${states.join(' or ')}` : 'first'}`,
  );
}

// I2: what uses or ends a lease names its token; where there is no lease, there is no token to name.
function requireLease(state: TaskState, event: TaskDecision): void {
  if (!isUnderLease(event)) return;
  const held = state.lease === null ? 'none' : `${state.lease.epoch},${state.lease.version}`;
  const named = event.data.lease?.join(',') ?? 'none';
  if (named !== held) throw historyBroken(state, event, `the lease ${held}`, `the lease ${named}`);
}
