import { LedgerError } from '../errors.ts';
import type { TaskEvent } from '../events/event.ts';
import { fold } from '../events/evolve.ts';
import type { TaskState } from '../events/task-state.ts';

/**
 * What a task was after these events, computed from them alone: no database is asked. With a part of a history it is the
 * state the task had then: `stateAfter((await ledger.history(id)).slice(0, -1))`.
 * @param events of one task, in any order, as `history` returns them
 * @throws LedgerError TASKLEDGER_HISTORY_BROKEN when they are of no task, of several, or do not follow one another
 */
export function stateAfter(events: readonly TaskEvent[]): TaskState {
  const tasks = new Set(events.map((event) => event.task_id));
  if (tasks.size > 1) throw broken(`events of ${tasks.size} tasks: ${[...tasks].slice(0, 3).join(', ')} …`);
  const state = fold(events);
  if (state === undefined) {
    throw broken(events.length === 0 ? 'no events' : `only ${events.map((event) => event.type).join(', ')}`);
  }
  return state;
}

function broken(found: string): LedgerError {
  return new LedgerError('TASKLEDGER_HISTORY_BROKEN', {
    expected: 'the events of one task, task.submitted among them',
    found,
    remedy: 'Pass what history(id) returns, or the first part of it',
  });
}
