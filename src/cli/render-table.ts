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
  const table = new Table({
    head: head.map((name) => terminal.colors.bold(name)),
    colAligns: head.map((_name, column) => align[column] ?? 'left'),
    // Colours are ours, made above: the table's own would ask the terminal a second time.
    style: { head: [], border: [], compact: true },
    chars: lines,
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
