import type { Pool } from 'pg';
import type { Queryable } from './queryable.ts';

/**
 * Lends one connection that sees the database as it is at one moment, however long `work` takes, and can change nothing.
 * @throws whatever pg or `work` throws
 */
export async function withSnapshot<T>(pool: Pool, work: (db: Queryable) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query('begin isolation level repeatable read read only');
    const result = await work(client);
    await client.query('commit');
    client.release();
    return result;
  } catch (error) {
    // Its transaction may still be open: nobody else may get this connection.
    client.release(true);
    throw error;
  }
}
