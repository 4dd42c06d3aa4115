/**
 * How long and how large the tests of faults are: 1 (the default) for `npm run test:all`, more for `npm run test:long`.
 * Set by TEST_SCALE; a fraction makes them smaller still.
 */
export const testScale = scaleOf(process.env['TEST_SCALE']);

/** A count or a duration of a fault test, as large as TEST_SCALE wants it; at least 1. */
export function scaled(n: number): number {
  return Math.max(1, Math.round(n * testScale));
}

/** A wrong scale would quietly test less than was asked for. */
export function scaleOf(text: string | undefined): number {
  const scale = text === undefined || text === '' ? 1 : Number(text);
  if (Number.isFinite(scale) && scale > 0) return scale;
  throw new Error(`Expected TEST_SCALE to be a number above 0; found ${JSON.stringify(text)}.`);
}
