import type pg from 'pg';
import { holdStatements, type HeldStatements } from './held-statements.ts';

/** Makes every statement that records an event of such a type wait, inside the database, as behind a slow disk. */
export async function holdEvents(t: { readonly pool: pg.Pool }, types: readonly string[]): Promise<HeldStatements> {
  const listed = types.map((type) => `'${type}'`).join(', ');
  return await holdStatements(t, [
    ['trigger', `before insert on taskledger.events for each row when (new.type in (${listed}))`],
  ]);
}
