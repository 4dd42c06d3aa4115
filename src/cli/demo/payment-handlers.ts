/*
 * A handlers module as anybody could write one, run by a real `taskledger run` process that the demo kills. It asks the
 * bank to pay, and would then wait for the confirmation; it never gets that far.
 */
import { systemClock } from '../../clock.ts';
import { readConfig } from '../../config.ts';
import { createPool } from '../../postgres/pool.ts';
import { bankReference } from './bank.ts';
import { settlePayout } from './demo-tasks.ts';

// The demo holds the other end: whatever ends the demo ends this process too.
process.stdin.on('end', () => process.exit()).resume();

const bank = createPool({ connectionString: readConfig('TASKLEDGER_DATABASE_URL') ?? '', max: 1 });

export const settle = settlePayout.handle(async ({ input, progress, signal }) => {
  await progress({ message: `asking the bank to pay ${input.payoutId}` });
  const reference = bankReference(input.payoutId);
  await bank.query('insert into bank_transfers values ($1, $2)', [input.payoutId, reference]);
  await systemClock.sleep(3_600_000, signal);
  signal.throwIfAborted();
  return { reference };
});
