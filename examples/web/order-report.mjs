import { makeReport } from './tasks.mjs';

/**
 * Records a wish for a report and the task that makes it together: both or neither. The same request key again gives the
 * same task, so this is also what to do when the answer to a request was lost.
 * @param {import('pg').Pool} pool
 * @param {import('taskledger').Ledger} ledger
 * @param {{ key: string, title: string, month: string }} wish
 */
export async function orderReport(pool, ledger, { key, title, month }) {
  const client = await pool.connect();
  let committed = false;
  try {
    await client.query('begin');
    await client.query(
      'insert into reports (request_key, title, month) values ($1, $2, $3) on conflict (request_key) do nothing',
      [key, title, month],
    );
    const task = await ledger.submit(makeReport, { title, month }, { tx: client, key });
    await client.query('update reports set task_id = $2 where request_key = $1', [key, task.id]);
    await client.query('commit');
    committed = true;
    return task;
  } finally {
    // Not committed: the connection is closed, and the server rolls back whatever state it was in.
    client.release(!committed);
  }
}
