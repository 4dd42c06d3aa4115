import type { TaskEvent } from '../events/event.ts';
import { formatPosition } from '../events/position.ts';
import { durationText } from './duration-text.ts';
import { tellEvent } from './tell-event.ts';
import type { Terminal } from './terminal.ts';

/** A task's life, one line for each event: when, where in the log, how long after the one before, and what happened. Times are UTC. */
export function historyLines(events: readonly TaskEvent[], { colors }: Terminal): string[] {
  const places = events.map((event) => formatPosition(event));
  const gaps = events.map((event, index) => gap(events[index - 1], event));
  const width = widest(places);
  const gapWidth = widest(gaps);
  return events.map((event, index) => {
    const time = event.occurred_at.replace('T', ' ').replace('Z', '');
    const where = `${(places[index] ?? '').padEnd(width)}  ${(gaps[index] ?? '').padStart(gapWidth)}`;
    return `${colors.dim(time)}  ${colors.dim(where)}  ${coloredSentence(event, colors)}`;
  });
}

/** `+1.2 s`: how long after the event before. Empty for the first, and for what happened in the same moment. */
function gap(before: TaskEvent | undefined, event: TaskEvent): string {
  const ms = before === undefined ? 0 : Date.parse(event.occurred_at) - Date.parse(before.occurred_at);
  return ms <= 0 ? '' : `+${durationText(ms)}`;
}

function widest(texts: readonly string[]): number {
  return texts.reduce((width, text) => Math.max(width, text.length), 0);
}

/** What the event says, in the colour of what it means for the task. */
export function coloredSentence(event: TaskEvent, colors: Terminal['colors']): string {
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
