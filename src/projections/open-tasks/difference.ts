/** One place where a hot table is not what the log says. */
export interface Difference {
  readonly what: 'task' | 'claim' | 'doubt' | 'place' | 'key';
  /** A task id, a claim id, `realm/name/key`, or a rule and a task id. */
  readonly id: string;
  /** The column that differs; `row` when the row is missing or should not be there, `history` when it cannot be folded. */
  readonly column: string;
  readonly log: unknown;
  readonly found: unknown;
}

/** The difference, if there is one: values are compared as JSON, times to the millisecond, missing as null. */
export function* differenceOf(sides: Difference): Generator<Difference> {
  const log = plain(sides.log);
  const found = plain(sides.found);
  if (JSON.stringify(log) !== JSON.stringify(found)) yield { ...sides, log, found };
}

function plain(value: unknown): unknown {
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? String(value) : value.toISOString();
  // pg reads the infinities of a timestamp as numbers JSON has not.
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : (value ?? null);
}
