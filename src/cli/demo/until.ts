import { systemClock } from '../../clock.ts';
import { LedgerError } from '../../errors.ts';

const lookEveryMs = 40;
const patienceMs = 60_000;

/**
 * Asks again and again until the answer is not undefined.
 * @param what ends the sentence "Expected the demo to see …"
 * @throws LedgerError TASKLEDGER_TIMEOUT after a minute, or whatever `ask` throws
 */
export async function until<T>(what: string, ask: () => Promise<T | undefined>): Promise<T> {
  const startedAtMs = systemClock.monotonic();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (systemClock.monotonic() - startedAtMs > patienceMs) {
      throw new LedgerError('TASKLEDGER_TIMEOUT', {
        expected: `the demo to see ${what} within ${patienceMs / 1000} s`,
        found: 'it did not happen',
        remedy: 'Run it again on a machine with less to do; if it happens again, please report it',
      });
    }
    await systemClock.sleep(lookEveryMs);
  }
}
