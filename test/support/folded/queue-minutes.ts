import type { TaskDecision } from '../../../src/events/event.ts';
import type { Life, LifeStep } from './lives.ts';
import { microsOf } from './moments.ts';
import type { FoldedRow } from './row.ts';

/** The rows of `queue_minute_rows`: a minute in which nothing counted has none. */
export function foldQueueMinutes(lives: readonly Life[]): FoldedRow[] {
  const rows = new Map<string, Record<string, string | number>>();
  for (const { submitted, steps } of lives) {
    for (const { event } of steps) {
      const key = { queue: submitted.queue, name: submitted.name, minute: minuteOf(event.occurred_at) };
      for (const counter of countersOf(event)) {
        const id = JSON.stringify(Object.values(key));
        const row = rows.get(id) ?? { ...key, ...nothingCounted };
        row[counter] = Number(row[counter]) + 1;
        rows.set(id, row);
      }
    }
  }
  return Array.from(rows.values());
}

/** The rows of `queue_duration_rows`: the minute is that of the event that told how long it was. */
export function foldQueueDurations(lives: readonly Life[]): FoldedRow[] {
  const counts = new Map<string, number>();
  for (const { submitted, steps } of lives) {
    for (const step of steps) {
      const duration = durationOf(step);
      if (duration === undefined) continue;
      const minute = minuteOf(step.event.occurred_at);
      const bucket = bucketOf(Math.max(0, Math.floor(duration.micros / 1000)));
      const key = JSON.stringify([submitted.queue, submitted.name, minute, duration.what, bucket]);
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return Array.from(counts, ([key, counted]) => {
    const [queue, name, minute, what, bucket] = JSON.parse(key) as string[];
    return { queue, name, minute, what, bucket, counted };
  });
}

const counters = [
  'submitted',
  'started',
  'completed',
  'failed',
  'aborted',
  'missed',
  'in_doubt',
  'retried',
  'attempts_lost',
  'attempts_failed',
] as const;
type Counter = (typeof counters)[number];

const nothingCounted = Object.fromEntries(counters.map((counter) => [counter, 0]));

const counterOf: Readonly<Partial<Record<TaskDecision['type'], Counter>>> = {
  'task.submitted': 'submitted',
  'task.leased': 'started',
  'task.completed': 'completed',
  'task.failed': 'failed',
  'task.aborted': 'aborted',
  'task.missed': 'missed',
  'task.in_doubt': 'in_doubt',
  'task.retried': 'retried',
  'task.lease_expired': 'attempts_lost',
  'task.attempt_failed': 'attempts_failed',
};

function countersOf({ type, data }: TaskDecision): readonly Counter[] {
  const own = counterOf[type];
  const counted = own === undefined ? [] : [own];
  if (type === 'task.lease_expired' && data.next !== 'pending') return [...counted, data.next];
  if (type === 'task.resolved' && data.outcome !== 'rerun') return [...counted, data.outcome];
  return counted;
}

function durationOf({ event, dueMicros }: LifeStep): { what: 'wait' | 'run'; micros: number } | undefined {
  const { type, occurred_at, data } = event;
  if (type === 'task.leased') return { what: 'wait', micros: microsOf(occurred_at) - dueMicros };
  if (type !== 'task.completed' && type !== 'task.attempt_failed' && type !== 'task.failed') return undefined;
  if (data.started_at === undefined || data.finished_at === undefined) return undefined;
  return { what: 'run', micros: microsOf(data.finished_at) - microsOf(data.started_at) };
}

/** Itself below 32 ms, above that sixteen to an octave. */
function bucketOf(ms: number): number {
  if (ms < 32) return ms;
  const octave = Math.floor(Math.log2(ms)) - 4;
  return 16 * octave + Math.floor(ms / 2 ** octave);
}

function minuteOf(moment: string): string {
  return `${moment.slice(0, 'YYYY-MM-DDTHH:MM'.length)}:00.000Z`;
}
