// The goals P1 to P15, each told by the results of the parts that measure it. Pure: the page uses it too.
import { align } from './report.js';

const peers = ['graphile-worker', 'pg-boss', 'bare-log'];
const number = (value, digits = value >= 1000 ? 0 : 2) =>
  value.toLocaleString('en', { minimumFractionDigits: 0, maximumFractionDigits: digits });

/** One row of a measure that gave everybody their turns. */
function rowOf(results, part, id, peer, variant) {
  const measure = results[part]?.measures?.find((one) => one.id === id);
  const row = measure?.summary.find((one) => one.peer === peer && (variant === undefined || variant.test(one.variant)));
  return row === undefined || row.failed ? undefined : row;
}

const inWords = (value, unit) => (Number.isFinite(value) ? `${number(value)} ${unit}` : undefined);

/** The figure of each peer, side by side. */
const sideBySide =
  (part, id, figure = 'perSecond', unit = '/s') =>
  (results) =>
    Object.fromEntries(
      ['taskledger', ...peers].map((peer) => {
        const row = rowOf(results, part, id, peer);
        return [peer, inWords(row?.figures[figure].median, unit)];
      }),
    );

const goalOf = (sign, bound, unit, holds) => ({
  goal: `${sign} ${number(bound)} ${unit}`,
  unit,
  bound,
  less: sign === '≤',
  holds,
});
const atLeast = (bound, unit = '×') => goalOf('≥', bound, unit, (value) => value >= bound);
const atMost = (bound, unit = '×') => goalOf('≤', bound, unit, (value) => value <= bound);

/** Our rate by a peer's, round by round. */
const ratioTo =
  (part, id, peer, figure = 'perSecond') =>
  (results) =>
    rowOf(results, part, id, peer)?.ratio?.[figure];
const ownFigure = (part, id, figure) => (results) => rowOf(results, part, id, 'taskledger')?.figures[figure].median;
const ownToFirst = (part, id, variant) => (results) => rowOf(results, part, id, 'taskledger', variant)?.toFirst;
const peersToFirst = (part, id, variant) => (results) =>
  Object.fromEntries(
    ['taskledger', ...peers].map((peer) => {
      const row = rowOf(results, part, id, peer, variant);
      return [peer, inWords(row?.toFirst, '×')];
    }),
  );

/** As the daemon reads: each event once for all projections. */
function projectingRate({ projections }) {
  const together = projections?.measured.together;
  return together && (together.events / together.ms) * 1000;
}

const most = ({ memory }, who) => {
  const found = (memory?.measures ?? []).flatMap(({ megabytes }) => megabytes[who]?.max ?? []);
  return found.length === 0 ? undefined : Math.max(...found);
};
const atOnce = ({ memory }) => memory?.measures.find(({ phase }) => /at once/.test(phase))?.megabytes.runner?.max;
const released = ({ recovery }) =>
  Object.entries(recovery?.results ?? {}).find(([name]) => name.startsWith('kill -9 →'))?.[1].p99_ms / 1000;

/** Infinite for none, which is no figure: not measured. */
const worst = (values) => Math.max(...values);
const figuresOf = (results, measure, figure) =>
  Object.values(results?.measures[measure] ?? {}).map((found) => found[figure]);
const aborted = (results, how) => results?.measures['abort → child gone'][how];
const beyondGrace = (found) => found && (found.p99_ms - found.grace_ms) / 1000;

/** Of what works on single events: the two that the bare log records for each task. */
const besideBareLog = (value) => (results) => {
  const row = rowOf(results, 'drain', 'batches', 'bare-log');
  if (row === undefined) return {};
  const limit = 2 * row.figures.perSecond.median;
  return { 'bare-log': `${number(limit)} events/s (${number(value(results) / limit)} ×)` };
};
const eventRate = (value, bound) => ({ value, ...atLeast(bound, 'events/s'), beside: besideBareLog(value) });

const latencyRows = ['typescript', 'transaction', 'sql'].flatMap((way) => {
  const how = { typescript: 'TypeScript', transaction: "in the app's transaction", sql: 'SQL as psql sends it' }[way];
  const row = (what, value, goal, figure) => ({
    id: 'P5',
    part: 'latency',
    what: `submit → start, idle, ${how}: ${what}`,
    value,
    ...goal,
    beside: sideBySide('latency', way, figure, 'ms'),
  });
  return [
    row('p50', ownFigure('latency', way, 'p50'), atMost(2.5, 'ms'), 'p50'),
    row('p99', ownFigure('latency', way, 'p99'), atMost(7, 'ms'), 'p99'),
    row('÷ graphile-worker', ratioTo('latency', way, 'graphile-worker', 'p50'), atMost(0.7), 'p50'),
  ];
});

const replicated = ({ replication }) => replication?.measures ?? {};
const drained = sideBySide('drain', 'batches');
const singly = sideBySide('drain', 'singly');

/** In the order of the table. `value` may be undefined: not measured. */
const goals = [
  {
    id: 'P1',
    part: 'drain',
    what: 'drain ÷ graphile-worker',
    value: ratioTo('drain', 'batches', 'graphile-worker'),
    ...atLeast(3),
    beside: drained,
  },
  {
    id: 'P1',
    part: 'drain',
    what: 'drain ÷ bare log',
    value: ratioTo('drain', 'batches', 'bare-log'),
    ...atLeast(0.5),
    beside: drained,
  },
  {
    id: 'P15',
    part: 'sustained',
    what: 'drain, sealed and projected to the end ÷ graphile-worker',
    value: ratioTo('sustained', 'sealed', 'graphile-worker'),
    ...atLeast(1.2),
    beside: sideBySide('sustained', 'sealed'),
  },
  {
    id: 'P15',
    part: 'sustained',
    what: 'the same with a peer site ÷ graphile-worker',
    value: peerSiteRatio,
    ...atLeast(1.2),
    beside: (results) => ({
      ...sideBySide('sustained', 'sealed')(results),
      taskledger: sideBySide('sustained', 'peer-site')(results).taskledger,
    }),
  },
  {
    id: 'P2',
    part: 'drain',
    what: 'drain ÷ pg-boss',
    value: ratioTo('drain', 'batches', 'pg-boss'),
    ...atLeast(3),
    beside: drained,
  },
  {
    id: 'P3',
    part: 'drain',
    what: 'drain one at a time ÷ graphile-worker',
    value: ratioTo('drain', 'singly', 'graphile-worker'),
    ...atLeast(2.5),
    beside: singly,
  },
  {
    id: 'P3',
    part: 'drain',
    what: 'drain one at a time ÷ pg-boss',
    value: ratioTo('drain', 'singly', 'pg-boss'),
    ...atLeast(2.5),
    beside: singly,
  },
  {
    id: 'P4',
    part: 'submit',
    what: 'submit in batches ÷ graphile-worker',
    value: ratioTo('submit', 'batches', 'graphile-worker'),
    ...atLeast(1.2),
    beside: sideBySide('submit', 'batches'),
  },
  {
    id: 'P4',
    part: 'submit',
    what: "submit singly in the app's transaction ÷ bare insert",
    value: ratioTo('submit', 'singly', 'bare-log'),
    ...atLeast(0.9),
    beside: sideBySide('submit', 'singly'),
  },
  ...latencyRows,
  {
    id: 'P6',
    part: 'growth',
    what: 'drain with tasks pending behind ÷ without',
    value: ownToFirst('growth', 'growth', /pending$/),
    ...atLeast(0.9),
    beside: peersToFirst('growth', 'growth', /pending$/),
  },
  {
    id: 'P6',
    part: 'growth',
    what: 'drain with these and many finished ones ÷ without',
    value: ownToFirst('growth', 'growth', /finished$/),
    ...atLeast(0.9),
    beside: peersToFirst('growth', 'growth', /finished$/),
  },
  {
    id: 'P7',
    part: 'held',
    what: 'load beside an old transaction ÷ without',
    value: ownToFirst('held', 'held', /^an old/),
    ...atLeast(0.8),
    beside: peersToFirst('held', 'held', /^an old/),
  },
  {
    id: 'P7',
    part: 'held',
    what: 'its last third ÷ its first',
    value: (results) => rowOf(results, 'held', 'held', 'taskledger', /^an old/)?.figures.lastThirdByFirst.median,
    ...atLeast(0.9),
    beside: lastThirds,
  },
  {
    id: 'P8',
    part: 'verify',
    what: 'sealing, one connection',
    ...eventRate(({ verify }) => verify?.results.seal?.events_per_second, 100_000),
  },
  {
    id: 'P8',
    part: 'projections',
    what: 'projecting, all projections, one connection',
    ...eventRate(projectingRate, 60_000),
  },
  {
    id: 'P8',
    part: 'verify',
    what: 'verifying',
    ...eventRate(({ verify }) => verify?.results['audit verify']?.events_per_second, 150_000),
  },
  {
    id: 'P9',
    part: 'proven',
    what: 'event → block → projection at 1 000 tasks/s, p99',
    value: ({ proven }) => proven?.results.event_to_projection?.p99_ms,
    ...atMost(250, 'ms'),
  },
  {
    id: 'P10',
    part: 'replication',
    what: 'replication to one peer, sustained',
    ...eventRate((results) => replicated(results).sustained?.recorded_per_second, 12_000),
  },
  {
    id: 'P10',
    part: 'replication',
    what: 'CPU of replication per event',
    value: (results) => replicated(results).sustained?.cpu_us_per_event.replication,
    ...atMost(60, 'µs'),
  },
  {
    id: 'P10',
    part: 'replication',
    what: 'CPU of both sites per event, in all',
    value: (results) => replicated(results).sustained?.cpu_us_per_event.in_all,
    ...atMost(60, 'µs'),
  },
  {
    id: 'P10',
    part: 'replication',
    what: 'lag at 5 000 events/s, p99',
    value: (results) => replicated(results).lag?.applied.p99_ms,
    ...atMost(500, 'ms'),
  },
  {
    id: 'P11',
    part: 'replication',
    what: 'proven after a partition under load',
    value: (results) => replicated(results).partition?.seconds_from_heal_until_proven,
    ...atMost(30, 's'),
  },
  {
    id: 'P11',
    part: 'replication',
    what: 'missing events repaired and proven',
    value: (results) => replicated(results).repair?.seconds_until_proven,
    ...atMost(300, 's'),
  },
  {
    id: 'P12',
    part: 'isolation',
    what: '`process` ÷ the same program by hand',
    value: ({ isolation }) => isolation?.attempts.processOverBare,
    ...atMost(1.1),
  },
  {
    id: 'P12',
    part: 'isolation',
    what: '`pool` over inline, per task',
    value: ({ isolation }) => isolation?.tasks.poolOverInlineMs,
    ...atMost(2, 'ms'),
  },
  {
    id: 'P12',
    part: 'hostile',
    what: 'p99 of neighbours beside a hostile task ÷ without it',
    value: ({ hostile }) => worst(Object.values(hostile?.measures.neighbours.p99_by_alone ?? {})),
    ...atMost(2),
  },
  {
    id: 'P12',
    part: 'hostile',
    what: 'place usable again after a hostile attempt',
    value: ({ hostile }) => worst(figuresOf(hostile, 'place usable again', 'max_ms')) / 1000,
    ...atMost(2, 's'),
  },
  {
    id: 'P12',
    part: 'hostile',
    what: 'abort → child gone, p99',
    value: ({ hostile }) => aborted(hostile, 'cooperative')?.p99_ms / 1000,
    ...atMost(1.5, 's'),
  },
  {
    id: 'P12',
    part: 'hostile',
    what: 'abort → child gone that ignores SIGTERM, beyond its grace, p99',
    value: ({ hostile }) => beyondGrace(aborted(hostile, 'stubborn')),
    ...atMost(2, 's'),
  },
  {
    id: 'P13',
    part: 'memory',
    what: 'most memory of the daemon',
    value: (results) => most(results, 'daemon'),
    ...atMost(150, 'MB'),
  },
  {
    id: 'P13',
    part: 'memory',
    what: 'most memory of a runner',
    value: (results) => most(results, 'runner'),
    ...atMost(150, 'MB'),
  },
  {
    id: 'P13',
    part: 'memory',
    what: 'memory of a runner with 2 000 long tasks at once',
    value: atOnce,
    ...atMost(150, 'MB'),
  },
  {
    id: 'P13',
    part: 'verify',
    what: 'memory of `audit verify`',
    value: ({ verify }) => verify?.results['audit verify']?.peak_mb,
    ...atMost(150, 'MB'),
  },
  {
    id: 'P14',
    part: 'recovery',
    what: 'leased again after kill -9, TTL 15 s, p99',
    value: released,
    ...atMost(17, 's'),
  },
];

function lastThirds(results) {
  return Object.fromEntries(
    ['taskledger', ...peers].map((peer) => {
      const row = rowOf(results, 'held', 'held', peer, /^an old/);
      return [peer, inWords(row?.figures.lastThirdByFirst.median, '×')];
    }),
  );
}

/** Medians by medians: the two were measured one after the other in the same run, not in the same rounds. */
function peerSiteRatio(results) {
  const ours = rowOf(results, 'sustained', 'peer-site', 'taskledger');
  const theirs = rowOf(results, 'sustained', 'sealed', 'graphile-worker');
  return ours && theirs && ours.figures.perSecond.median / theirs.figures.perSecond.median;
}

/**
 * @param results part → its results; a part that is missing has rows without `found`
 * @returns in the order of the table: { id, part, what, found, unit, value, bound, less, goal, reached, beside: peer → text }
 */
export function goalRows(results) {
  return goals.map(({ value, beside, holds, ...row }) => {
    const found = value(results);
    if (!Number.isFinite(found)) return { ...row, found: undefined, value: 'not measured', beside: {} };
    return {
      ...row,
      found,
      value: `${number(found)} ${row.unit}`,
      reached: holds(found),
      beside: beside?.(results) ?? {},
    };
  });
}

/** Those of one part, as far as it measured them. */
export const goalRowsOf = (name, results) => goalRows({ [name]: results }).filter(({ found }) => found !== undefined);

/** @returns yes, no, or nothing where it was not measured */
export const inOneWord = ({ reached }) => (reached === undefined ? '' : reached ? 'yes' : 'no');

export function goalTable(rows) {
  const head = ['', '', 'value', 'goal', 'reached', 'taskledger', ...peers];
  const lines = rows.map((row) => [
    row.id,
    row.what,
    row.value,
    row.goal,
    inOneWord(row),
    ...['taskledger', ...peers].map((peer) => row.beside[peer] ?? ''),
  ]);
  return align([head, ...lines]).join('\n');
}
