import type { PreparedQueryable } from '../postgres/queryable.ts';

/** Where runners are told that somebody watches a task: the task id, with ` new` for a watcher who has seen nothing yet. */
export const WATCH_CHANNEL = 'taskledger_watch';

/** Where the lines of a log come for a watcher, whose random UUID nobody else knows. */
export function logChannel(watcher: string): string {
  return `taskledger_log_${watcher.replaceAll('-', '')}`;
}

/**
 * Asks for the log of a task's running attempt, for 15 seconds; see watch_task.sql. Answers the state of an open task that
 * this site owns.
 * @throws whatever pg throws; the caller translates
 */
export async function askForLog(
  db: PreparedQueryable,
  taskId: string,
  watcher: string,
): Promise<'pending' | 'leased' | 'in_doubt' | null> {
  const { rows } = await db.query({
    name: 'taskledger.watch_task',
    text: 'select taskledger.watch_task($1, $2) as state',
    values: [taskId, watcher],
  });
  return (rows[0] as { state: 'pending' | 'leased' | 'in_doubt' | null }).state;
}
