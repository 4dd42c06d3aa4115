import { confirmOrder } from './tasks.mjs';

/**
 * Records an order and its confirmation together: both or neither. Calling it again with the same order changes
 * nothing, so it is also what to do when a COMMIT was sent and the connection broke before the answer.
 * @param {import('pg').Pool} pool
 * @param {import('taskledger').Ledger} ledger
 * @param {{ id: string, email: string, cents: number }} order
 */
export async function placeOrder(pool, ledger, order) {
  const client = await pool.connect();
  let committed = false;
  try {
    await client.query('begin');
    await client.query('insert into orders (id, email, cents) values ($1, $2, $3) on conflict (id) do nothing', [
      order.id,
      order.email,
      order.cents,
    ]);
    const input = { orderId: order.id, email: order.email };
    const task = await ledger.submit(confirmOrder, input, { tx: client, key: order.id });
    await client.query('commit');
    committed = true;
    return task;
  } finally {
    // Not committed: the connection is closed, and the server rolls back whatever state it was in.
    client.release(!committed);
  }
}
