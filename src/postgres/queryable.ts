/** One SQL statement as pg takes it: with `name` it is prepared once per connection. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values: unknown[];
}

/**
 * Whatever can run one statement: a pg pool, a pg client (inside its transaction if it has one), or anything of that form.
 * Rows come back as objects by column name.
 */
export interface Queryable {
  query(text: string, values: unknown[]): Promise<{ readonly rows: unknown[] }>;
}

/** A pg pool or client: also takes prepared statements. */
export interface PreparedQueryable extends Queryable {
  query(statement: Statement): Promise<{ readonly rows: unknown[] }>;
  query(text: string, values: unknown[]): Promise<{ readonly rows: unknown[] }>;
}

/** What a Kysely instance or transaction offers that we need, said without its types: callers bring their own version. */
export interface KyselyLike {
  getExecutor(): unknown;
  executeQuery(query: {
    readonly sql: string;
    readonly parameters: readonly unknown[];
  }): Promise<{ readonly rows: unknown[] }>;
}
