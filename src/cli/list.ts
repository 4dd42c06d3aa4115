import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import type { TaskStateName } from '../events/task-state.ts';
import type { TaskSummary } from '../ledger/list-tasks.ts';
import type { Ledger } from '../open-ledger.ts';
import { summaryJson } from './as-json.ts';
import { connecting, withLedger, type ConnectionOptions } from './connection.ts';
import { integer, momentOption, oneOf } from './parse-options.ts';
import { printable } from './printable.ts';
import { renderTable } from './render-table.ts';
import { stateText } from './state-color.ts';
import { openTerminal, type Terminal } from './terminal.ts';

const states = [
  'pending',
  'leased',
  'completed',
  'failed',
  'aborted',
  'missed',
  'in_doubt',
] as const satisfies readonly TaskStateName[];
const pageSize = 500;
const limitMax = 1_000_000;

interface ListOptions extends ConnectionOptions {
  readonly state?: TaskStateName;
  readonly name?: string;
  readonly queue?: string;
  readonly since?: Date;
  readonly limit: number;
}

export function addList(program: Command): void {
  connecting(program.command('list'))
    .description('tasks, newest first')
    .option('--state <state>', states.join(', '), oneOf('--state', states))
    .option('--name <name>', 'only tasks of this name')
    .option('--queue <queue>', 'only tasks of this queue')
    .option(
      '--since <time>',
      'submitted at or after: a time, or 2h for two hours ago',
      momentOption('--since', systemClock, true),
    )
    .option('--limit <n>', 'at most that many', integer('--limit', 1, limitMax), 100)
    .action(async (options: ListOptions) => {
      const terminal = openTerminal(options.json ?? false);
      await withLedger(options, terminal, (ledger) => print(ledger, options, terminal));
    });
}

async function print(ledger: Ledger, options: ListOptions, terminal: Terminal): Promise<void> {
  const rows: string[][] = [];
  for await (const task of pages(ledger, options)) {
    if (terminal.json) terminal.object(summaryJson(task));
    else rows.push(row(task, terminal));
  }
  if (terminal.json) return;
  const head = ['id', 'name', 'state', 'attempt', 'submitted', 'finished', 'queue', 'key'];
  if (rows.length > 0) terminal.line(renderTable({ head, rows, align: ['left', 'left', 'left', 'right'] }, terminal));
  else terminal.note('No such tasks.');
}

async function* pages(ledger: Ledger, { state, name, queue, since, limit }: ListOptions): AsyncGenerator<TaskSummary> {
  let after: string | undefined;
  for (let left = limit; left > 0;) {
    const wanted = Math.min(left, pageSize);
    const page = await ledger.list({ state, name, queue, since, after, limit: wanted });
    yield* page;
    left -= page.length;
    after = page.at(-1)?.cursor;
    if (page.length < wanted) return;
  }
}

function row(task: TaskSummary, terminal: Terminal): string[] {
  return [
    task.id,
    printable(task.name),
    stateText(task.state, terminal),
    String(task.attempt),
    task.submittedAt.toISOString(),
    task.finishedAt?.toISOString() ?? '–',
    printable(task.queue),
    task.key === null ? '–' : printable(task.key),
  ];
}
