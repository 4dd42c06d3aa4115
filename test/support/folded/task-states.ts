import { fold } from '../../../src/events/evolve.ts';
import type { Life } from './lives.ts';
import type { FoldedRow } from './row.ts';

/** The rows of `task_state_rows`: one per task that is not completed. */
export function foldTaskStates(lives: readonly Life[]): FoldedRow[] {
  return lives
    .map(({ steps }) => fold(steps.map(({ event }) => event))!)
    .filter(({ state }) => state !== 'completed')
    .map(({ id, state, submitted_at }) => ({ task_id: id, state, submitted_at }));
}
