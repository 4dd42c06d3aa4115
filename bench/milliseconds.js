// What many samples say.

/** Of samples in ascending order, the one that this share of them does not exceed. */
export function percentile(sorted, share) {
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
}

/** @param ms samples, milliseconds */
export function inMilliseconds(ms) {
  const sorted = [...ms].sort((a, b) => a - b);
  const round = (value) => Math.round(value * 10) / 10;
  return {
    samples: sorted.length,
    p50_ms: round(percentile(sorted, 0.5)),
    p99_ms: round(percentile(sorted, 0.99)),
    max_ms: round(sorted.at(-1)),
  };
}
