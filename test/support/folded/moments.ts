/** Microseconds since 1970 of a moment as it stands in an event: Postgres keeps six digits of a second, `Date` three. */
export function microsOf(moment: string): number {
  const digits = /\.(\d+)/.exec(moment)?.[1] ?? '';
  return Date.parse(moment.replace(/\.\d+/, '')) * 1000 + Number(digits.slice(0, 6).padEnd(6, '0'));
}

/** As a column of milliseconds holds it; null for none. */
export function atMs(moment: string | number | undefined): string | null {
  if (moment === undefined) return null;
  const micros = typeof moment === 'string' ? microsOf(moment) : moment;
  return new Date(Math.floor(micros / 1000)).toISOString();
}
