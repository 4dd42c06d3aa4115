import { LedgerError } from '../errors.ts';
import type { SubmitCall } from '../ledger/submit-calls.ts';
import type { LedgerCalls, TaskRef } from '../open-ledger.ts';
import type { Terminal } from './terminal.ts';

/** Says so when nobody takes what was just submitted. It has been recorded all the same: a runner may be about to start. */
export async function warnUnoffered(
  ledger: LedgerCalls,
  task: TaskRef<unknown>,
  call: SubmitCall,
  terminal: Terminal,
): Promise<void> {
  const { name, queue: usual = 'default' } = typeof task === 'string' ? { name: task } : task;
  const { plugin = null, queue = usual } = call;
  try {
    const why = await ledger.whyUnoffered({ name, plugin, queue });
    if (why !== undefined) terminal.warn(`${why}. The task waits until one does`);
  } catch (error) {
    // It is a hint: what was asked for has been done.
    if (!(error instanceof LedgerError)) throw error;
  }
}
