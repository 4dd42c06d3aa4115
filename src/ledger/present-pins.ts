import type { PreparedQueryable } from '../postgres/queryable.ts';

/** A task name, and a version range that open tasks of this name ask of their plugin. */
export interface PresentPin {
  readonly name: string;
  readonly pin: string;
}

/**
 * What open tasks of these names ask of their plugins, but for what is known: what a runner makes its offers from.
 * @throws whatever pg throws; the caller translates
 */
export async function presentPins(
  db: PreparedQueryable,
  names: readonly string[],
  known: readonly PresentPin[] = [],
): Promise<PresentPin[]> {
  const { rows } = await db.query({
    name: 'taskledger.present_pins',
    text: 'select name, pin from taskledger.present_pins($1, $2)',
    values: [names, JSON.stringify(known)],
  });
  return rows as PresentPin[];
}
