import type { PreparedQueryable } from '../postgres/queryable.ts';

/** The channel submit notifies on, with the task name as payload, while a doorbell of that name is armed. */
export const DOORBELL_CHANNEL = 'taskledger';

/**
 * Asks submit to notify `DOORBELL_CHANNEL` about tasks of these names for `forMs` milliseconds; 0 asks it to stop.
 * @throws whatever pg throws; the caller translates
 */
export async function armDoorbell(db: PreparedQueryable, names: readonly string[], forMs: number): Promise<void> {
  await db.query({
    name: 'taskledger.arm_doorbell',
    text: 'select taskledger.arm_doorbell($1, $2)',
    values: [names, forMs],
  });
}
