import type { Command } from 'commander';
import type { TaskSummary } from '../ledger/list-tasks.ts';
import type { LedgerCalls } from '../open-ledger.ts';
import { summaryJson } from './as-json.ts';
import { connecting, withLedger, type ConnectionOptions } from './connection.ts';
import { printable, printableStart } from './printable.ts';
import { percentText, progressBar } from './progress-bar.ts';
import { renderTable } from './render-table.ts';
import { stateText } from './state-color.ts';
import { filtering, matchingTasks, type TaskFilter } from './task-filter.ts';
import { printUnoffered } from './print-unoffered.ts';
import { openTerminal, type Terminal } from './terminal.ts';

const defaultLimit = 100;
const messageMax = 24;

interface ListOptions extends ConnectionOptions, TaskFilter {
  readonly unoffered?: boolean;
}

export function addList(program: Command): void {
  filtering(connecting(program.command('list')))
    .description(`tasks, the last submitted first; ${defaultLimit} at most unless --limit says otherwise`)
    .option(
      '--unoffered',
      'only tasks that wait although no running runner takes them, and why; with --name, --queue, --limit',
    )
    .action(async (options: ListOptions) => {
      const terminal = openTerminal(options.json ?? false);
      await withLedger(options, terminal, async (ledger) => {
        if (options.unoffered === true) await printUnoffered(ledger, options, terminal);
        else await print(ledger, options, terminal);
      });
    });
}

async function print(ledger: LedgerCalls, options: ListOptions, terminal: Terminal): Promise<void> {
  const rows: string[][] = [];
  for await (const task of matchingTasks(ledger, { limit: defaultLimit, ...options })) {
    if (terminal.json) terminal.object(summaryJson(task));
    else rows.push(row(task, terminal));
  }
  if (terminal.json) return;
  const head = ['id', 'name', 'state', 'attempt', 'run by', 'progress', 'submitted', 'finished', 'queue', 'key'];
  if (rows.length > 0) terminal.line(renderTable({ head, rows, align: ['left', 'left', 'left', 'right'] }, terminal));
  else terminal.note('No such tasks.');
}

function row(task: TaskSummary, terminal: Terminal): string[] {
  return [
    task.id,
    printable(task.name),
    stateText(task.state, terminal),
    String(task.attempt),
    task.runBy === null ? '–' : printable(task.runBy),
    progress(task, terminal),
    task.submittedAt.toISOString(),
    task.finishedAt?.toISOString() ?? '–',
    printable(task.queue),
    task.key === null ? '–' : printable(task.key),
  ];
}

/** A bar on a terminal, a number elsewhere; a report without a fraction has its message. */
function progress({ progress: latest }: TaskSummary, { styled }: Terminal): string {
  if (latest === null) return '–';
  if (latest.fraction === null) return printableStart(latest.message ?? '–', messageMax);
  return styled ? progressBar(latest.fraction, 10) : percentText(latest.fraction);
}
