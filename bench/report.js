// What a measure looks like on a terminal, and where results are written.
import { mkdirSync, writeFileSync } from 'node:fs';
import { figuresOf } from './summary.js';

/** What figures are called, and their digits. */
const kinds = {
  perSecond: ['tasks/s', 0],
  p50: ['p50 ms', 2],
  p99: ['p99 ms', 2],
};
export const kindOf = (figure) =>
  kinds[figure] ?? [figure.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`), 2];

const digitsFor = (value, digits) => (Math.abs(value) >= 1000 ? 0 : digits);
export const show = (value, digits) =>
  value.toLocaleString('en', {
    minimumFractionDigits: digitsFor(value, digits),
    maximumFractionDigits: digitsFor(value, digits),
  });

/** @returns the lines of one measure. */
export function table(measure, rows) {
  const figures = figuresOf(measure);
  const withSpread = figures.length <= 2;
  const parts = [...new Set(rows.flatMap(({ cpuMicrosPerTask }) => Object.keys(cpuMicrosPerTask ?? {})))];
  const has = (what) => rows.some((row) => row[what] !== undefined);
  const optional = [
    [has('share'), '÷ bare log', ({ share }) => times(share)],
    [has('toFirst'), '÷ its first', ({ toFirst }) => times(toFirst)],
    [has('ratio'), 'taskledger ÷ it', ({ ratio }) => ratio && Object.values(ratio).map(times).join(' / ')],
    [has('ratio'), 'goal', (row) => goalsOf(measure, row)],
  ].filter(([shown]) => shown);
  const head = [
    '',
    'configuration',
    ...figures.flatMap((figure) => [kindOf(figure)[0], ...(withSpread ? ['min–max'] : [])]),
    ...parts.map((part) => `CPU µs/task: ${part}`),
    ...optional.map(([, title]) => title),
  ];
  const body = rows.map((row) => {
    const first = [`${row.peer} ${row.version}`, row.variant];
    if (row.failed) return [...first, `failed: ${row.error}`];
    return [
      ...first,
      ...figures.flatMap((figure) => figureCells(figure, row.figures[figure], withSpread)),
      ...parts.map((part) => (row.cpuMicrosPerTask[part] === undefined ? '' : show(row.cpuMicrosPerTask[part], 1))),
      ...optional.map(([, , cell]) => cell(row) ?? ''),
    ];
  });
  const tasks = measure.tasks > 0 ? ` (${measure.tasks.toLocaleString('en')} tasks)` : '';
  return [`\n${measure.title}${tasks}`, ...align([head, ...body])].join('\n');
}

export const times = (value) => (value === undefined ? '' : `${value.toFixed(2)} ×`);

function figureCells(figure, { median, min, max }, withSpread) {
  const [, digits] = kindOf(figure);
  return [show(median, digits), ...(withSpread ? [`${show(min, digits)}–${show(max, digits)}`] : [])];
}

function goalsOf({ unit, goals = [] }, row) {
  const sign = unit === 'tasks/s' ? '≥' : '≤';
  return goals
    .filter(({ against }) => against === row.peer)
    .map(({ id, ratio }) => `${id} ${sign} ${ratio}`)
    .join(', ');
}

/** Columns as wide as their widest cell; words to the left, figures to the right. */
export function align(lines, words = 2) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? '').length)));
  return lines.map((cells) =>
    `  ${cells.map((cell, i) => (i < words ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`.trimEnd(),
  );
}

/**
 * @param kept whether it may be committed: not of a quick run, nor of one that leaves something out
 * @returns the path written, in bench/
 */
export function writeResults(name, results, kept) {
  const file = `results/${name}${kept ? '' : '.tmp'}.json`; // *.tmp.json is not committed
  mkdirSync(new URL('results/', import.meta.url), { recursive: true });
  writeFileSync(new URL(file, import.meta.url), `${JSON.stringify(results, round3, 2)}\n`);
  return file;
}

/** Three decimals are more than any of this is good for. */
export function round3(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Math.round(value * 1000) / 1000 : value;
}
