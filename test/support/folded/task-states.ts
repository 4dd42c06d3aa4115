import { isTaskEvent, type LedgerEvent, type TaskEvent } from '../../../src/events/event.ts';
import { fold } from '../../../src/events/evolve.ts';
import type { FoldedRow } from './row.ts';

/** The rows of `task_state_rows`: one per task that is not completed. */
export function foldTaskStates(events: readonly LedgerEvent[]): FoldedRow[] {
  const byTask = new Map<string, TaskEvent[]>();
  for (const event of events.filter(isTaskEvent)) {
    byTask.set(event.task_id, [...(byTask.get(event.task_id) ?? []), event]);
  }
  return Array.from(byTask.values(), (ofTask) => fold(ofTask)!)
    .filter(({ state }) => state !== 'completed')
    .map(({ id, state, submitted_at }) => ({ task_id: id, state, submitted_at }));
}
