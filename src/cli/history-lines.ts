import type { TaskEvent } from '../events/event.ts';
import { formatPosition } from '../events/position.ts';
import { tellEvent } from './tell-event.ts';
import type { Terminal } from './terminal.ts';

/** A task's life, one line for each event: when, where in the log, and what happened. Times are UTC. */
export function historyLines(events: readonly TaskEvent[], { colors }: Terminal): string[] {
  const places = events.map((event) => formatPosition(event));
  const width = Math.max(0, ...places.map((place) => place.length));
  return events.map((event, index) => {
    const time = event.occurred_at.replace('T', ' ').replace('Z', '');
    return `${colors.dim(time)}  ${colors.dim((places[index] ?? '').padEnd(width))}  ${colored(event, colors)}`;
  });
}

function colored(event: TaskEvent, colors: Terminal['colors']): string {
  const sentence = tellEvent(event);
  // eslint-disable-next-line @typescript-eslint/switch-exhaustiveness-check -- most events need no colour
  switch (event.type) {
    case 'task.completed':
      return colors.green(sentence);
    case 'task.failed':
    case 'task.attempt_failed':
    case 'task.result_refused':
      return colors.red(sentence);
    case 'task.lease_expired':
    case 'task.in_doubt':
      return colors.magenta(sentence);
    case 'task.aborted':
    case 'task.missed':
    case 'task.request_refused':
      return colors.yellow(sentence);
    default:
      return sentence;
  }
}
