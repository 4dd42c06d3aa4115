import type { PreparedQueryable } from '../postgres/queryable.ts';

/** A task name, and a version range that open tasks of this name ask of their plugin; '' for those that ask for none. */
export interface PresentPin {
  readonly name: string;
  readonly pin: string;
}

/**
 * What open tasks of these names ask of their plugins: what a runner makes its offers from.
 * @throws whatever pg throws; the caller translates
 */
export async function presentPins(db: PreparedQueryable, names: readonly string[]): Promise<PresentPin[]> {
  const { rows } = await db.query({
    name: 'taskledger.present_pins',
    text: 'select name, pin from taskledger.present_pins($1)',
    values: [names],
  });
  return rows as PresentPin[];
}
