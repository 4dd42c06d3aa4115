import { CompiledQuery } from 'kysely';
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
 * @throws TypeError when it is neither a Kysely instance nor something with `query(text, values)`.
 */
export function asQueryable(tx: CallerTransaction): Queryable {
  if (isKysely(tx)) {
    return {
      query: (text, values) => tx.executeQuery(CompiledQuery.raw(text, values)),
    };
  }
  if (isQueryable(tx)) return tx;
  throw new TypeError(
    'Expected tx to be a Kysely transaction, a pg client, or an object with query(text, values); found none of them. Pass the transaction itself.',
  );
}
