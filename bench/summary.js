// From rounds to lines: the best configuration of each peer, or each of its variants; medians; our ratio to it.
export const subject = 'taskledger';
const limit = 'bare-log';

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** What a measure is about; the first figure chooses the best configuration. */
export const figuresOf = ({ unit, figures }) => figures ?? (unit === 'ms' ? ['p50', 'p99'] : ['perSecond']);

/** Milliseconds and bytes are better when they are fewer. */
const isBetter = ({ unit }, a, b) => (unit === 'tasks/s' ? a > b : a < b);

/** Of each peer the series whose first figure has the best median, among those that had the most turns. */
export function bestVariants(measure, series) {
  const [first] = figuresOf(measure);
  const good = ({ rounds }) => rounds.filter(({ error }) => error === undefined).map((round) => round[first]);
  const best = new Map();
  for (const one of series) {
    const known = best.get(one.peer);
    if (known === undefined || beats(one, known)) best.set(one.peer, one);
  }
  return [...best.values()];

  function beats(one, known) {
    if (one.rounds.length !== known.rounds.length) return one.rounds.length > known.rounds.length;
    const [a, b] = [good(one), good(known)];
    if (a.length === 0 || b.length === 0) return b.length === 0 && a.length > 0;
    return isBetter(measure, median(a), median(b));
  }
}

/** @returns one row per peer, or one per variant where the measure is about the variants */
export function summarise(measure, series) {
  const figures = figuresOf(measure);
  const chosen = (measure.everyVariant ? series : bestVariants(measure, series)).map((one) => ({
    one,
    row: summariseOne(one, figures),
  }));
  // Of many figures the first one; where each has a load of its own, none.
  const compared = measure.figures === undefined ? figures : figures.slice(0, 1);
  const ours = measure.compared === false ? [] : chosen.filter(({ one }) => one.peer === subject);
  const bare = chosen.find(({ one }) => one.peer === limit);
  for (const { one, row } of chosen) {
    if (row.failed) continue;
    const mine = ours.find(({ one: { variant } }) => !measure.everyVariant || variant.label === one.variant.label);
    if (mine !== undefined && one.peer !== subject && !mine.row.failed) row.ratio = ratio(mine.one, one, compared);
    if (measure.unit === 'tasks/s' && bare !== undefined && bare.one !== one && !bare.row.failed)
      row.share = ratio(one, bare.one, ['perSecond']).perSecond;
    const first = chosen.find(({ one: { peer } }) => peer === one.peer);
    if (measure.everyVariant && measure.unit === 'tasks/s' && first.one !== one && !first.row.failed)
      row.toFirst = ratio(one, first.one, figures.slice(0, 1))[figures[0]];
  }
  return chosen.map(({ row }) => row);
}

function summariseOne({ peer, version, variant, rounds }, figures) {
  const good = rounds.filter((round) => round.error === undefined);
  const row = { peer, version, variant: variant.label, failed: good.length === 0, rounds: good.length };
  if (row.failed) return { ...row, error: rounds[0]?.error ?? 'it had no turn' };
  row.figures = Object.fromEntries(
    figures.map((figure) => {
      const values = good.map((round) => round[figure]);
      return [figure, { median: median(values), min: Math.min(...values), max: Math.max(...values) }];
    }),
  );
  const parts = Object.keys(good[0].cpuMicrosPerTask ?? {});
  row.cpuMicrosPerTask = Object.fromEntries(
    parts.map((part) => [part, median(good.map((round) => round.cpuMicrosPerTask[part]))]),
  );
  return row;
}

// Within a round first: both had the same machine then.
function ratio(ours, theirs, figures) {
  return Object.fromEntries(
    figures.map((figure) => {
      const pairs = ours.rounds.map((round, i) => round[figure] / theirs.rounds[i]?.[figure]);
      return [figure, median(pairs.filter(Number.isFinite))];
    }),
  );
}
