import { LedgerError } from '../errors.ts';
import type { TaskEvent } from './event.ts';
import { formatPosition } from './position.ts';
import type { TaskState } from './task-state.ts';

/** The error for an event that cannot follow what happened to the task before. */
export function historyBroken(
  state: TaskState | undefined,
  event: TaskEvent,
  expected: string,
  instead?: string,
): LedgerError {
  const after = state === undefined ? 'as its first event' : `after version ${state.version}, state ${state.state}`;
  const which = `${event.type}${event.version === null ? '' : ` version ${event.version}`} at ${formatPosition(event)}`;
  return new LedgerError('TASKLEDGER_HISTORY_BROKEN', {
    expected: `${expected} in the history of task ${state?.id ?? event.task_id}`,
    found: `${instead === undefined ? '' : `${instead} in `}${which} of epoch ${event.epoch}, ${after}`,
    remedy: 'Verify the blocks that hold the events of this task and compare the copies of other sites',
    details: { task_id: event.task_id, position: formatPosition(event), type: event.type, epoch: event.epoch },
  });
}
