import type { Command } from 'commander';
import { LedgerError } from '../errors.ts';
import type { TaskStateName } from '../events/task-state.ts';
import type { TaskSummary } from '../ledger/list-tasks.ts';
import { summaryJson } from './as-json.ts';
import { connecting, withLedger } from './connection.ts';
import { printable } from './printable.ts';
import { requestEach, requestOne, type Asking, type Request, type RequestOptions } from './request-each.ts';
import { filtering, matchingTasks, type TaskFilter } from './task-filter.ts';
import { openTerminal } from './terminal.ts';

export interface MatchingOptions extends RequestOptions, TaskFilter {
  readonly dryRun?: boolean;
}

export interface MatchingRequest extends Request {
  /** `abort`, `retry`. */
  readonly verb: string;
  /** The states in which it can be granted: without `--state`, tasks in other states are not asked about. */
  readonly from: readonly TaskStateName[];
}

const filterNames = ['state', 'name', 'queue', 'key', 'errorCode', 'since', 'until', 'limit'] as const;

/** A command that asks the same of tasks named by id, or of all that filters choose, and says why. */
export function requestingMatching(command: Command): Command {
  return filtering(connecting(command).argument('[id...]', 'task ids; or choose tasks with the filters below'))
    .requiredOption('--reason <reason>', 'why; it is recorded with the request')
    .option('--dry-run', 'with filters: tell which tasks would be asked about, and write nothing');
}

/**
 * Asks for each of the ids, or for each task the filters choose, a page at a time.
 * @throws LedgerError TASKLEDGER_USAGE for ids together with filters, for neither, and for a state it cannot be granted in
 */
export async function requestChosen(
  ids: readonly string[],
  options: MatchingOptions,
  request: MatchingRequest,
): Promise<void> {
  const given = filterNames.filter((name) => options[name] !== undefined);
  requireOneChoice(ids, given, options);
  if (ids.length > 0) {
    await requestEach(ids, options, request);
    return;
  }
  const { state, ...others } = options;
  if (state !== undefined && !request.from.includes(state)) {
    throw usage(
      `--state of ${request.from.join(', ')}`,
      state,
      `A task that is ${state} can be no subject of ${request.verb}`,
    );
  }
  const terminal = openTerminal(options.json ?? false);
  await withLedger(options, terminal, async (ledger) => {
    const totals = { matched: 0, granted: 0, refused: 0, requested: 0 };
    const asking = { ledger, request, terminal };
    // The limit is of tasks asked about, not of tasks looked at.
    const { limit, ...filter } = state === undefined ? others : { ...others, state };
    for await (const task of matchingTasks(ledger, filter)) {
      if (!request.from.includes(task.state)) continue;
      if (totals.matched === limit) break;
      totals.matched += 1;
      if (options.dryRun === true) tellMatch(task, asking);
      else totals[await requestOne(task.id, asking)] += 1;
    }
    tellTotals(totals, options.dryRun === true, asking);
  });
}

function requireOneChoice(ids: readonly string[], given: readonly string[], { dryRun }: MatchingOptions): void {
  if (ids.length > 0 && given.length > 0) {
    throw usage(
      'task ids or filters',
      `both: ids, and ${given.map(optionName).join(', ')}`,
      'Leave one of the two out',
    );
  }
  if (ids.length === 0 && given.filter((name) => name !== 'limit').length === 0) {
    throw usage(
      'task ids, or a filter: --state, --name, --queue, --key, --error-code, --since or --until',
      'neither',
      'Say which tasks are meant; with --dry-run a filter only tells which those are',
    );
  }
  if (ids.length > 0 && dryRun === true) {
    throw usage(
      '--dry-run with filters only',
      'task ids',
      'Leave --dry-run out, or look at them with: taskledger show ID',
    );
  }
}

const optionName = (name: string): string => `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

function tellMatch(task: TaskSummary, { request, terminal }: Asking): void {
  if (terminal.json) terminal.object(summaryJson(task));
  else
    terminal.line(
      `${task.id}  ${printable(task.name)}  is ${task.state}; ${(request as MatchingRequest).verb} would be asked for`,
    );
}

interface Totals {
  readonly matched: number;
  readonly granted: number;
  readonly refused: number;
  /** Asked here, decided by other sites. */
  readonly requested: number;
}

function tellTotals({ matched, granted, refused, requested }: Totals, isDryRun: boolean, { terminal }: Asking): void {
  if (terminal.json) {
    terminal.object({
      summary: true,
      dry_run: isDryRun,
      matched,
      granted,
      refused,
      ...(requested > 0 && { requested }),
    });
    return;
  }
  const tasks = `${matched} task${matched === 1 ? '' : 's'}`;
  const others = requested === 0 ? '' : `, ${requested} for other sites to decide`;
  terminal.note(
    isDryRun
      ? `${tasks} matched. Nothing was written.`
      : `${tasks} matched: ${granted} granted, ${refused} refused${others}.`,
  );
}

function usage(expected: string, found: string, remedy: string): LedgerError {
  return new LedgerError('TASKLEDGER_USAGE', { expected, found, remedy });
}
