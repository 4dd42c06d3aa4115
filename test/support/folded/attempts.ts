import type { EventOf, TaskDecision } from '../../../src/events/event.ts';
import type { Life } from './lives.ts';
import { atMs } from './moments.ts';
import type { FoldedRow } from './row.ts';

/** The rows of `attempt_rows`: one per lease, with how it ended, if it did. */
export function foldAttempts(lives: readonly Life[]): FoldedRow[] {
  return lives.flatMap(({ steps }) => {
    const ended = steps.flatMap(({ event }) => endingOf(event) ?? []);
    return steps.flatMap(({ event, dueMicros }) =>
      event.type === 'task.leased' ? [attemptOf(event, dueMicros, ended)] : [],
    );
  });
}

interface Ending {
  readonly lease: string;
  readonly columns: FoldedRow;
}

function attemptOf(leased: EventOf<'task.leased'>, dueMicros: number, ended: readonly Ending[]): FoldedRow {
  const { task_id, epoch, version, data } = leased;
  const mine = ended.filter(({ lease }) => lease === JSON.stringify([epoch, version]));
  if (mine.length > 1) throw new Error(`lease ${epoch}.${version} of ${task_id} ended ${mine.length} times`);
  return {
    task_id,
    epoch,
    version,
    attempt: data.attempt,
    runner: data.runner,
    host: data.host,
    plugin: data.plugin,
    due_at: atMs(dueMicros),
    leased_at: leased.occurred_at,
    ...mine[0]?.columns,
  };
}

const endings: ReadonlySet<string> = new Set([
  'task.completed',
  'task.attempt_failed',
  'task.failed',
  'task.lease_expired',
  'task.lease_released',
  'task.aborted',
  'task.in_doubt',
]);

/** What an event says of the attempt it ended. Of some types the schemas leave it to the unknown keys. */
interface Report {
  /** Absent: failed or aborted before anybody began. */
  readonly lease?: readonly number[] | undefined;
  readonly started_at?: string | undefined;
  readonly finished_at?: string | undefined;
  readonly error?: { readonly code: string } | undefined;
  readonly usage?: { readonly cpu_ms?: number | undefined; readonly max_rss_bytes?: number | undefined } | undefined;
}

function endingOf({ type, occurred_at, data }: TaskDecision): Ending | undefined {
  const { lease, started_at, finished_at, error, usage } = data as Report;
  if (!endings.has(type) || lease === undefined) return undefined;
  const columns = {
    started_at: atMs(started_at),
    ended_at: atMs(finished_at ?? occurred_at),
    outcome: type.replace('task.', ''),
    error_code: error?.code,
    cpu_ms: usage?.cpu_ms,
    max_rss_bytes: usage?.max_rss_bytes,
  };
  return { lease: JSON.stringify(lease), columns };
}
