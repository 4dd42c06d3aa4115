import type { TaskStateName } from '../../src/events/task-state.ts';
import { step, type Step } from './sample-events.ts';

/** A task that may run at once, unprotected unless asked. */
export const submit = (data: Readonly<Record<string, unknown>> = {}): Step =>
  step('task.submitted', { start_after: undefined, protected: undefined, ...data });

/** A shortest life that ends in each state. The lease, if any, is version 2. */
export const livesTo: Readonly<Record<TaskStateName, readonly Step[]>> = {
  pending: [submit()],
  leased: [submit(), step('task.leased')],
  completed: [submit(), step('task.leased'), step('task.completed')],
  failed: [submit(), step('task.leased'), step('task.failed')],
  aborted: [submit(), step('task.aborted', { lease: undefined, attempt: undefined })],
  missed: [submit(), step('task.missed')],
  in_doubt: [submit({ protected: true }), step('task.leased'), step('task.in_doubt')],
};

export const stateNames = Object.keys(livesTo) as TaskStateName[];
