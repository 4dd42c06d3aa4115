import { requireConnectionString } from '../../postgres/connection-string.ts';
import { createPool } from '../../postgres/pool.ts';
import { translateSqlError } from '../../postgres/sql-error.ts';
import type { Pool } from '../with-database.ts';

/** One connection each: a command says one thing after the other. */
const connections = 2;
const answerTimeoutMs = 30_000;

/**
 * Lends the databases of two sites.
 * @throws LedgerError TASKLEDGER_INVALID_URL, TASKLEDGER_UNREACHABLE, and what `work` throws, in the ledger's words
 */
export async function withTwoSites(
  [hereUrl, thereUrl]: readonly [string, string],
  work: (here: Pool, there: Pool) => Promise<void>,
): Promise<void> {
  const [here, there] = [hereUrl, thereUrl].map((url) =>
    createPool({ connectionString: requireConnectionString(url), max: connections, answerTimeoutMs }),
  ) as [Pool, Pool];
  try {
    await work(here, there);
  } catch (error) {
    throw translateSqlError(error);
  } finally {
    await Promise.all([here.end(), there.end()]);
  }
}
