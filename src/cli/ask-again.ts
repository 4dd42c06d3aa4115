import type { Clock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import type { Terminal } from './terminal.ts';

export interface Watching {
  readonly terminal: Terminal;
  readonly clock: Clock;
  readonly stopped: AbortSignal;
  /** Default 250. */
  readonly everyMs?: number;
}

const defaultEveryMs = 250;
const awayMs = 2000;

/** Calls `look` again and again until it answers true, or until told to stop. A database that goes away is waited for. */
export async function askAgain(look: () => Promise<boolean>, watching: Watching): Promise<void> {
  const { terminal, clock, stopped, everyMs = defaultEveryMs } = watching;
  let isAway = false;
  while (!stopped.aborted) {
    try {
      if (await look()) return;
      isAway = false;
    } catch (error) {
      const known = translateSqlError(error);
      if (!(known instanceof LedgerError) || known.code !== 'TASKLEDGER_UNREACHABLE') throw error;
      if (!isAway) terminal.warn(`the database does not answer (found ${known.found}); waiting for it`);
      isAway = true;
    }
    await clock.sleep(isAway ? awayMs : everyMs, stopped);
  }
}
