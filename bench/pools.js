import pg from 'pg';

/** A pool with all its connections open already, so that nobody's turn contains the opening of connections. */
export async function openPool(url, size) {
  const pool = new pg.Pool({ connectionString: url, max: size, min: size, idleTimeoutMillis: 0 });
  // When the database is dropped under an idle connection. graphile-worker asks for both.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  const clients = await Promise.all(Array.from({ length: size }, () => pool.connect()));
  for (const client of clients) client.release();
  return pool;
}

/** Runs `once(client)` n times in all, spread over as many loops as the pool has connections. */
export async function onEveryConnection(pool, n, once) {
  let left = n;
  await Promise.all(
    Array.from({ length: pool.options.max }, async () => {
      const client = await pool.connect();
      try {
        while (left-- > 0) await once(client);
      } finally {
        client.release();
      }
    }),
  );
}

/** The row of the application that a task is submitted together with. */
export const appTable =
  'create table app_orders (id bigint generated always as identity primary key, note text not null)';

/** begin; the app's row; `submit(client, i)`; commit – the same statements for everybody. */
export async function submitInTransactions(pool, n, submit) {
  let i = 0;
  await onEveryConnection(pool, n, async (client) => {
    await client.query('begin');
    await client.query({ name: 'app-order', text: 'insert into app_orders (note) values ($1)', values: ['an order'] });
    await submit(client, ++i);
    await client.query('commit');
  });
}
