import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import type { TaskStateName } from '../events/task-state.ts';
import type { TaskSummary } from '../ledger/list-tasks.ts';
import type { LedgerCalls } from '../open-ledger.ts';
import { integer, momentOption, oneOf } from './parse-options.ts';

const states = [
  'pending',
  'leased',
  'completed',
  'failed',
  'aborted',
  'missed',
  'in_doubt',
] as const satisfies readonly TaskStateName[];

const limitMax = 1_000_000;
const pageSize = 500;

export interface TaskFilter {
  readonly state?: TaskStateName;
  readonly name?: string;
  readonly queue?: string;
  readonly key?: string;
  readonly errorCode?: string;
  readonly since?: Date;
  readonly until?: Date;
  readonly limit?: number;
}

/** Adds the options that choose tasks. */
export function filtering(command: Command): Command {
  return command
    .option('--state <state>', states.join(', '), oneOf('--state', states))
    .option('--name <name>', 'only tasks of this name')
    .option('--queue <queue>', 'only tasks of this queue')
    .option('--key <key>', 'only the task of this idempotency key')
    .option('--error-code <code>', 'only tasks whose latest error has this code')
    .option(
      '--since <time>',
      'submitted at or after: a time, or 2h for two hours ago',
      momentOption('--since', systemClock, true),
    )
    .option(
      '--until <time>',
      'submitted before: a time, or 2h for two hours ago',
      momentOption('--until', systemClock, true),
    )
    .option('--limit <n>', 'at most that many, the last submitted', integer('--limit', 1, limitMax));
}

/**
 * The tasks the filter chooses, the last submitted first, read a page at a time: what was read may be changed before the next page is,
 * and no task comes twice.
 */
export async function* matchingTasks(ledger: LedgerCalls, filter: TaskFilter): AsyncGenerator<TaskSummary> {
  const { state, name, queue, key, errorCode, since, until, limit = limitMax } = filter;
  let after: string | undefined;
  for (let left = limit; left > 0;) {
    const wanted = Math.min(left, pageSize);
    const page = await ledger.list({ state, name, queue, key, errorCode, since, until, after, limit: wanted });
    yield* page;
    left -= page.length;
    after = page.at(-1)?.cursor;
    if (page.length < wanted) return;
  }
}
