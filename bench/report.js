import { mkdirSync, writeFileSync } from 'node:fs';

/** @returns the lines of one measure. */
export function table(measure, rows) {
  const withRatio = rows.some((row) => row.ratio !== undefined);
  const head = [
    '',
    'configuration',
    ...(measure.unit === 'ms' ? ['p50 ms', 'p99 ms'] : [measure.unit, 'min–max', 'CPU µs/task: postgres', 'node']),
    ...(withRatio ? ['taskledger ÷ it', 'goal'] : []),
  ];
  const body = rows.map((row) => {
    const first = [`${row.peer} ${row.version}`, row.variant];
    if (row.failed) return [...first, `failed: ${row.error}`];
    return [...first, ...figureCells(measure, row), ...(withRatio ? ratioCells(measure, row) : [])];
  });
  return [`\n${measure.title} (${measure.tasks.toLocaleString('en')} tasks)`, ...align([head, ...body])].join('\n');
}

function figureCells(measure, { figures, cpuMicrosPerTask }) {
  if (measure.unit === 'ms') return [figures.p50.median.toFixed(2), figures.p99.median.toFixed(2)];
  const { median, min, max } = figures.perSecond;
  const rate = (value) => Math.round(value).toLocaleString('en');
  const micros = (part) => cpuMicrosPerTask[part]?.toFixed(cpuMicrosPerTask[part] < 100 ? 1 : 0) ?? '–';
  return [rate(median), `${rate(min)}–${rate(max)}`, micros('postgres'), micros('node')];
}

function ratioCells(measure, row) {
  if (row.ratio === undefined) return ['', ''];
  const shown = Object.values(row.ratio)
    .map((value) => `${value.toFixed(2)} ×`)
    .join(' / ');
  const goals = measure.goals.filter(({ against }) => against === row.peer);
  const sign = measure.unit === 'ms' ? '≤' : '≥';
  return [shown, goals.map((goal) => `${goal.id} ${sign} ${goal.ratio}`).join(', ')];
}

function align(lines) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? '').length)));
  return lines.map((cells) =>
    `  ${cells.map((cell, i) => (i < 2 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`.trimEnd(),
  );
}

/** @returns the path written, relative to bench/. */
export function writeResults(results, quick) {
  const file = `results/${results.benchmark}${quick ? '.tmp' : ''}.json`; // *.tmp.json is not committed
  mkdirSync(new URL('results/', import.meta.url), { recursive: true });
  writeFileSync(new URL(file, import.meta.url), `${JSON.stringify(results, round3, 2)}\n`);
  return file;
}

/** Three decimals are more than any of this is good for. */
export function round3(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value) ? Math.round(value * 1000) / 1000 : value;
}
