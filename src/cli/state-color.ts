import type { TaskStateName } from '../events/task-state.ts';
import type { Terminal } from './terminal.ts';

/** The state in the colour that says how it went. */
export function stateText(state: TaskStateName, { colors }: Terminal): string {
  switch (state) {
    case 'completed':
      return colors.green(state);
    case 'failed':
      return colors.red(state);
    case 'in_doubt':
      return colors.bold(colors.magenta(state));
    case 'missed':
    case 'aborted':
      return colors.yellow(state);
    case 'leased':
      return colors.cyan(state);
    case 'pending':
      return state;
  }
}
