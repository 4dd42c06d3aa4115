/** Calls `submit(from, count)` for tasks 1 to n, so many at a time, one call after the other. */
export async function inBatches(n, batch, submit) {
  for (let i = 1; i <= n; i += batch) await submit(i, Math.min(batch, n - i + 1));
}
