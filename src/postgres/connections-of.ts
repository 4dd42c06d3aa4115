import type pg from 'pg';

/** The connections of a pool that are open, from now on: for `endWithin`, since a pool does not tell them. */
export function connectionsOf(pool: pg.Pool): ReadonlySet<pg.PoolClient> {
  const open = new Set<pg.PoolClient>();
  pool.on('connect', (client) => open.add(client));
  pool.on('remove', (client) => open.delete(client));
  return open;
}
