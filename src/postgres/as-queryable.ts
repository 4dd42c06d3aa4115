import { LedgerError } from '../errors.ts';
import type { KyselyLike, Queryable } from './queryable.ts';

/** The transaction a caller hands over: a Kysely transaction, a pg client, or anything with `query(text, values)`. */
export type CallerTransaction = Queryable | object;

function isKysely(tx: object): tx is KyselyLike {
  return 'executeQuery' in tx && 'getExecutor' in tx;
}

function isQueryable(tx: object): tx is Queryable {
  return 'query' in tx && typeof tx.query === 'function';
}

/**
 * Makes one `Queryable` of whatever transaction the caller has.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION when it is neither a Kysely instance nor something with `query(text, values)`.
 */
export function asQueryable(tx: CallerTransaction): Queryable {
  if (!isObject(tx)) throw notATransaction();
  if (isKysely(tx)) {
    return {
      query: async (text, values) => {
        // Loaded for callers that have it already: it takes longer to load than to submit a task.
        const { CompiledQuery } = await import('kysely');
        return await tx.executeQuery(CompiledQuery.raw(text, values));
      },
    };
  }
  if (isQueryable(tx)) return tx;
  throw notATransaction();
}

/** JavaScript callers pass whatever they have. */
function isObject(tx: unknown): boolean {
  return (typeof tx === 'object' && tx !== null) || typeof tx === 'function';
}

function notATransaction(): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: 'tx to be a Kysely transaction, a pg client, or an object with query(text, values)',
    found: 'none of them',
    remedy: 'Pass the transaction itself',
  });
}
