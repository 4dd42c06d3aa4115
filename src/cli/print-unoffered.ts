import { LedgerError } from '../errors.ts';
import type { UnofferedTask } from '../ledger/unoffered.ts';
import type { LedgerCalls } from '../open-ledger.ts';
import { printable } from './printable.ts';
import { renderTable } from './render-table.ts';
import type { TaskFilter } from './task-filter.ts';
import type { Terminal } from './terminal.ts';

const usable: readonly (keyof TaskFilter)[] = ['name', 'queue', 'limit'];

/** Tasks that nobody takes, and why. @throws LedgerError TASKLEDGER_USAGE for a filter that is not for them */
export async function printUnoffered(ledger: LedgerCalls, filter: TaskFilter, terminal: Terminal): Promise<void> {
  requireUsable(filter);
  const { name, queue, limit } = filter;
  const tasks = await ledger.listUnoffered({ name, queue, limit });
  if (terminal.json) {
    for (const task of tasks) terminal.object(taskJson(task));
    return;
  }
  if (tasks.length === 0) {
    terminal.note('No such tasks: running runners take every task that waits here.');
    return;
  }
  const head = ['id', 'name', 'plugin', 'submitted', 'queue', 'key'];
  terminal.line(renderTable({ head, rows: tasks.map(row) }, terminal));
  const reasons = new Set(tasks.map(({ why }) => why));
  for (const why of reasons)
    terminal.line(terminal.colors.yellow(printable(`${why.charAt(0).toUpperCase()}${why.slice(1)}.`)));
}

function requireUsable(filter: TaskFilter): void {
  const others = (['state', 'key', 'errorCode', 'since', 'until'] as const).filter(
    (option) => filter[option] !== undefined,
  );
  if (others.length === 0) return;
  throw new LedgerError('TASKLEDGER_USAGE', {
    expected: `--unoffered alone, or with ${usable.map((option) => `--${option}`).join(', ')}`,
    found: 'another filter',
    remedy: 'Leave the other filter out',
  });
}

function row({ id, name, plugin, submittedAt, queue, key }: UnofferedTask): string[] {
  return [id, name, plugin ?? '–', submittedAt.toISOString(), queue, key ?? '–'].map(printable);
}

function taskJson({ submittedAt, runAt, ...task }: UnofferedTask): object {
  return { ...task, submitted_at: submittedAt.toISOString(), run_at: runAt.toISOString() };
}
