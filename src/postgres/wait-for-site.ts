import type { Clock } from '../clock.ts';
import { errorCodeOf, LedgerError } from '../errors.ts';
import type { Signals } from '../signals.ts';
import type { Queryable } from './queryable.ts';
import { checkSchema } from './schema-status.ts';

interface Waiting {
  /** What the signals say that the connection is for. */
  readonly purpose: string;
  readonly clock: Clock;
  readonly signals: Signals;
  readonly stopped: AbortSignal;
}

const pausesMs = [500, 1000, 2000, 5000];

/** What no waiting mends: user, password, database or certificate are wrong (SQLSTATE classes, and codes of OpenSSL). */
const refusal = /^(28...|3D000|42501|.*CERT.*|UNABLE_TO_VERIFY_LEAF_SIGNATURE)$/;

/**
 * The site of this database, once the database answers; how often that fails is told by the signal `connection.lost`.
 * @returns undefined when `stopped` aborts first
 * @throws LedgerError when the database answers, and is not one to work with
 */
export async function waitForSite(
  db: Queryable,
  { purpose, clock, signals, stopped }: Waiting,
): Promise<string | undefined> {
  for (let failures = 0; !stopped.aborted; failures += 1) {
    try {
      const { site } = await checkSchema(db);
      if (failures > 0) signals.emit('connection.restored', { purpose });
      return site;
    } catch (error) {
      if (!isAway(error)) throw error;
      signals.emit('connection.lost', { purpose, reason: error.message });
      await clock.sleep(pausesMs[failures] ?? pausesMs.at(-1) ?? 0, stopped);
    }
  }
  return undefined;
}

/** Whether the server cannot be reached now, and may be later: other refusals no waiting mends. */
export function isAway(error: unknown): error is LedgerError {
  if (!(error instanceof LedgerError)) return false;
  return (
    error.code === 'TASKLEDGER_UNREACHABLE' &&
    !refusal.test(errorCodeOf(error.cause)) &&
    !/^SASL/.test(messageOf(error.cause))
  );
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : '';
}
