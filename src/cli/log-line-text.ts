import type { LogLine } from '../events/log-line.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';

/** `  19:32:01.123 warn  stderr  slow answer`: a line of a log, indented below the events. Safe to print. */
export function logLineText({ at, level, stream, text }: LogLine, colors: Terminal['colors']): string {
  const color = { debug: colors.dim, info: (plain: string) => plain, warn: colors.yellow, error: colors.red }[level];
  const words = `${level.padEnd(5)} ${stream.padEnd(6)}  ${printable(text)}`;
  return `  ${colors.dim(printable(at.slice(11, 23)))} ${color(words)}`;
}
