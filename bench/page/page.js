// docs/benchmarks.md, from the results alone.
import { goalRows, inOneWord } from '../goals.js';
import { parts } from '../parts.js';
import { kindOf, show, times } from '../report.js';
import { figuresOf } from '../summary.js';
import { notComparable } from './not-comparable.js';

export const pageFile = 'docs/benchmarks.md';
export const chartFile = 'docs/benchmarks.svg';

const whoUses = { node: 'Node', postgres: 'Postgres' };
const day = (at) => at.slice(0, 10);
const bare = (name) => name.replace(/-baseline$/, '');
const commandOf = (name, { command }) => command ?? `npm run bench -- ${bare(name)}`;
const row = (cells) => `| ${cells.join(' | ')} |`;
const tableOf = (head, lines) => [row(head), row(head.map(() => '---')), ...lines.map(row)];

/** @param results name → results, as read-results.js answers them @returns the text of the page */
export function renderPage(results) {
  const goals = goalRows(results);
  const measured = Object.entries(results).filter(([name]) => name !== 'table');
  return [
    '# Benchmarks',
    '',
    '<!-- Written from bench/results/ by bench/page/ (`npm run bench -- report`); do not edit. -->',
    '',
    'taskledger beside graphile-worker, pg-boss and a bare loop that inserts the same event rows, on one server with the same settings.',
    'Rates drift with the machine: read the ratios, which are taken within each round, and the CPU per task. What each part does is in',
    '[bench/README.md](../bench/README.md). `npm run bench` in a clone measures all of it again, and `npm run bench -- report` writes this page.',
    '',
    '![The ratios and their goals](benchmarks.svg)',
    '',
    '## Goals',
    '',
    ...tableOf(
      ['', 'what', 'value', 'goal', 'reached', 'taskledger', 'graphile-worker', 'pg-boss', 'bare log', 'from'],
      goals.map((one) => [
        one.id,
        one.what,
        one.value,
        one.goal,
        one.reached === false ? '**no**' : inOneWord(one),
        ...['taskledger', 'graphile-worker', 'pg-boss', 'bare-log'].map((peer) => one.beside[peer] ?? ''),
        one.found === undefined ? `\`${one.part}\`` : `\`${one.part}\`, ${day(results[one.part].at)}`,
      ]),
    ),
    '',
    '## Where the figures are from',
    '',
    ...tableOf(
      ['part', 'measures', 'command', 'begun', 'size', 'load before', 'machine'],
      measured.map(([name, one]) => [
        name,
        parts[bare(name)].what,
        `\`${commandOf(name, one)}\``,
        `${day(one.at)} ${one.at.slice(11, 16)} UTC`,
        one.size ?? 'full',
        String(one.machine.loadAverage),
        machineOf(one.machine),
      ]),
    ),
    '',
    'The load is the average of the minute before the part; on a machine that had something else to do, only ratios say something.',
    'Size `full` is that of a part run by its name, `whole` the smaller one that lets the whole table end in twenty minutes.',
    '',
    ...settingsOf(measured),
    '## What is not comparable',
    '',
    ...notComparable,
    '',
    ...measured.flatMap(([name, one]) => sectionOf(name, one)),
  ].join('\n');
}

const machineOf = ({ cpu, cores, memoryGb, node, os }) =>
  `${cpu}, ${cores} processors, ${memoryGb} GB, ${os}, Node ${node}`;

function settingsOf(measured) {
  const kinds = new Map();
  for (const [name, { postgres }] of measured) {
    if (postgres === undefined) continue;
    const settings = Object.entries(postgres.settings).map(([key, value]) => `\`${key}\` ${value}`);
    const text = `PostgreSQL ${postgres.version}: ${settings.join(', ')}.`;
    kinds.set(text, [...(kinds.get(text) ?? []), name]);
  }
  return ['## Settings', '', ...[...kinds].map(([text, names]) => `- ${names.join(', ')}: ${text}`), ''];
}

function sectionOf(name, results) {
  const body = results.measures?.[0]?.summary === undefined ? flat(results) : results.measures.flatMap(measureTable);
  return [`## ${name}`, '', ...body];
}

function measureTable(measure) {
  const figures = figuresOf(measure);
  const cpu = [...new Set(measure.summary.flatMap(({ cpuMicrosPerTask = {} }) => Object.keys(cpuMicrosPerTask)))];
  const has = (what) => measure.summary.some((one) => one[what] !== undefined);
  const columns = [
    ['', ({ peer, version }) => `${peer} ${version}`],
    ['configuration', ({ variant }) => variant],
    ...figures.map((figure) => [kindOf(figure)[0], (one) => figureCell(figure, one)]),
    ...cpu.map((part) => [
      `CPU µs per task: ${whoUses[part] ?? part}`,
      ({ cpuMicrosPerTask = {} }) => (cpuMicrosPerTask[part] === undefined ? '' : show(cpuMicrosPerTask[part], 1)),
    ]),
    ...(has('share') ? [['÷ bare log', ({ share }) => times(share)]] : []),
    ...(has('toFirst') ? [['÷ its first', ({ toFirst }) => times(toFirst)]] : []),
    ...(has('ratio')
      ? [
          [
            'taskledger ÷ it',
            ({ ratio }) =>
              Object.values(ratio ?? {})
                .map(times)
                .join(' / '),
          ],
        ]
      : []),
  ];
  const tasks = measure.tasks > 0 ? `, ${measure.tasks.toLocaleString('en')} tasks` : '';
  return [
    `**${measure.title}**${tasks}`,
    '',
    ...tableOf(
      columns.map(([head]) => head),
      measure.summary.map((one) =>
        one.failed
          ? [`${one.peer} ${one.version}`, one.variant, `failed: ${one.error}`]
          : columns.map(([, cell]) => cell(one)),
      ),
    ),
    '',
    ...measure.series.flatMap(overTime),
  ];
}

const mostSamples = 6;

/** What was looked at again and again in the last turn of a peer, evenly spaced. */
function overTime({ peer, rounds }) {
  const samples = rounds.at(-1)?.series;
  if (samples === undefined) return [];
  const count = Math.min(mostSamples, samples.length);
  const chosen = Array.from({ length: count }, (_, i) =>
    Math.round((i * (samples.length - 1)) / Math.max(1, count - 1)),
  );
  return [
    `${peer}, from the first look to the last:`,
    '',
    ...tableOf(
      ['look', ...Object.keys(samples[0]).map((key) => kindOf(key)[0])],
      chosen.map((i) => [`${i + 1} of ${samples.length}`, ...Object.values(samples[i]).map(word)]),
    ),
    '',
  ];
}

function figureCell(figure, { figures }) {
  const [, digits] = kindOf(figure);
  const { median, min, max } = figures[figure];
  return min === max ? show(median, digits) : `${show(median, digits)} (${show(min, digits)}–${show(max, digits)})`;
}

const framing = new Set([
  'load',
  'benchmark',
  'at',
  'command',
  'size',
  'sizes',
  'took',
  'quick',
  'machine',
  'postgres',
  'rounds',
  'goals',
]);

/** Everything a part found that is a figure or a word, each with the way to it. */
function flat(results) {
  const lines = [];
  const walk = (value, way) => {
    if (Array.isArray(value) && value.every((one) => typeof one !== 'object'))
      lines.push([inWords(way), value.map(word).join(', ')]);
    else if (value !== null && typeof value === 'object')
      for (const [key, one] of entriesOf(value)) walk(one, [...way, key]);
    else lines.push([inWords(way), word(value)]);
  };
  for (const [key, value] of Object.entries(results))
    if (!framing.has(key)) walk(value, /^(results|measures|measured)$/.test(key) ? [] : [key]);
  return [...tableOf(['what', 'figure'], lines), ''];
}

const inWords = (way) => way.join(' · ').replaceAll('_', ' ');

/** What a list holds is known by its name or phase, or else by its number. */
const entriesOf = (value) =>
  Array.isArray(value)
    ? value.map(({ phase, part, name, ...rest }, i) => [phase ?? part ?? name ?? String(i + 1), rest])
    : Object.entries(value).filter(([key]) => key !== 'rounds');

const word = (value) => (typeof value === 'number' ? show(value, Number.isInteger(value) ? 0 : 2) : String(value));
