import type { EventOf, TaskEvent } from '../events/event.ts';
import type { AttemptError } from '../events/outcome-events.ts';
import { attemptErrorCodes } from '../runner/attempt-error-codes.ts';

/** An attempt that has ended: under which lease it ran, and what ended it. */
export interface EndedAttempt {
  /** Absent where the deadline passed before anybody had started. */
  readonly leased: EventOf<'task.leased'> | undefined;
  readonly end: EndEvent;
}

const endTypes = [
  'task.completed',
  'task.attempt_failed',
  'task.failed',
  'task.aborted',
  'task.lease_expired',
  'task.lease_released',
  'task.in_doubt',
] as const;

type EndEvent = EventOf<(typeof endTypes)[number]>;

/** What an outcome may tell of its attempt; each kind of event tells some of it. */
export interface Told {
  readonly attempt?: number | undefined;
  readonly started_at?: string | undefined;
  readonly finished_at?: string | undefined;
  readonly error?: AttemptError | undefined;
  readonly exit_code?: number | undefined;
  readonly exit_signal?: string | undefined;
  readonly killed?: 'no' | 'term' | 'kill' | undefined;
  readonly usage?: { readonly cpu_ms?: number | undefined; readonly max_rss_bytes?: number | undefined } | undefined;
  readonly log_tail?: readonly string[] | undefined;
}

/** The last attempt that has ended; undefined while none has. */
export function lastAttempt(events: readonly TaskEvent[]): EndedAttempt | undefined {
  const end = events.findLast(isEnd);
  if (end === undefined) return undefined;
  const { lease } = end.data;
  const leased = events.find(
    (event) => event.type === 'task.leased' && event.epoch === lease?.[0] && event.version === lease[1],
  ) as EventOf<'task.leased'> | undefined;
  // A task that was aborted while it waited has no attempt; one whose deadline passed has an error all the same.
  return leased === undefined && end.type !== 'task.failed' ? undefined : { leased, end };
}

export function toldOf({ end }: EndedAttempt): Told {
  return end.data;
}

/** What `--json` prints of it. */
export function lastAttemptJson(ended: EndedAttempt): object {
  const { leased, end } = ended;
  const { error, attempt, started_at, finished_at, exit_code, exit_signal, killed, usage, log_tail } = toldOf(ended);
  const { runner, host, plugin, manifest_digest, limits } = leased?.data ?? {};
  const known = explained(error);
  return {
    ...{ attempt: attempt ?? leased?.data.attempt, ended_by: end.type, runner, host, plugin, manifest_digest, limits },
    ...{ started_at, finished_at, error, ...known, exit_code, exit_signal, killed, usage, log_tail },
  };
}

/** What its code means and what to look at first; nothing for a code that is not ours. */
export function explained(error: AttemptError | undefined): { readonly meaning?: string; readonly remedy?: string } {
  if (error === undefined || !Object.hasOwn(attemptErrorCodes, error.code)) return {};
  const { meaning, remedy } = attemptErrorCodes[error.code as keyof typeof attemptErrorCodes];
  return { meaning, remedy };
}

function isEnd(event: TaskEvent): event is EndEvent {
  return (endTypes as readonly string[]).includes(event.type);
}
