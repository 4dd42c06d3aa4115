import Table from 'cli-table3';
import type { Terminal } from './terminal.ts';

export type Align = 'left' | 'right';

export interface TableText {
  readonly head: readonly string[];
  /** Cells that are safe to print. */
  readonly rows: readonly (readonly string[])[];
  readonly align?: readonly Align[];
}

/** A table with lines and colours on a terminal; elsewhere columns of one width, for `grep` and `awk`. */
export function renderTable({ head, rows, align = [] }: TableText, terminal: Terminal): string {
  return terminal.styled ? drawn(head, rows, align, terminal) : aligned([head, ...rows], align);
}

function drawn(head: readonly string[], rows: TableText['rows'], align: readonly Align[], terminal: Terminal): string {
  const { bold, dim } = terminal.colors;
  const table = new Table({
    head: head.map((name) => bold(name)),
    colAligns: head.map((_name, column) => align[column] ?? 'left'),
    style: { head: [], border: [], compact: true },
    chars: Object.fromEntries(Object.entries(lines).map(([place, line]) => [place, dim(line)])),
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

const lines = {
  ...{ top: '─', 'top-mid': '┬', 'top-left': '╭', 'top-right': '╮' },
  ...{ bottom: '─', 'bottom-mid': '┴', 'bottom-left': '╰', 'bottom-right': '╯' },
  ...{ left: '│', 'left-mid': '├', mid: '─', 'mid-mid': '┼', right: '│', 'right-mid': '┤', middle: '│' },
};

function aligned(rows: TableText['rows'], align: readonly Align[]): string {
  const widths = (rows[0] ?? []).map((_cell, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) =>
          align[column] === 'right' ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
