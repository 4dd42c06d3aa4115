/** A moment in the one form states use: ISO 8601, UTC, milliseconds. Finer digits are cut off. */
export function isoMs(moment: string): string {
  return new Date(moment).toISOString();
}
