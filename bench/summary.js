// From rounds to one line per peer: its best configuration, medians, and our ratio to it.
const subject = 'taskledger';

export function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** @returns one row per peer, best configuration first chosen by the median of its first figure. */
export function summarise(measure, series) {
  const figures = measure.unit === 'ms' ? ['p50', 'p99'] : ['perSecond'];
  const rows = series.map((one) => summariseOne(one, figures));
  const better = measure.unit === 'ms' ? (a, b) => a < b : (a, b) => a > b;
  const best = new Map();
  for (const row of rows) {
    const known = best.get(row.peer);
    if (row.failed) {
      if (known === undefined) best.set(row.peer, row);
    } else if (
      known === undefined ||
      known.failed ||
      better(row.figures[figures[0]].median, known.figures[figures[0]].median)
    )
      best.set(row.peer, row);
  }
  const ours = best.get(subject);
  if (ours !== undefined && !ours.failed) {
    for (const row of best.values()) if (row !== ours && !row.failed) row.ratio = ratio(ours, row, figures);
  }
  return [...best.values()].map((row) => ({ ...row, rounds: undefined })); // they are in the series
}

function summariseOne({ peer, version, variant, rounds }, figures) {
  const good = rounds.filter((round) => round.error === undefined);
  const row = { peer, version, variant: variant.label, rounds, failed: good.length === 0 };
  if (row.failed) return { ...row, error: rounds[0]?.error };
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
      const pairs = ours.rounds.map((round, i) => round[figure] / theirs.rounds[i][figure]);
      return [figure, median(pairs.filter(Number.isFinite))];
    }),
  );
}
