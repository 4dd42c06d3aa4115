import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { openLedger } from 'taskledger';
import { placeOrder } from './place-order.mjs';

const [id, email, cents] = process.argv.slice(2);
if (cents === undefined) throw new Error('Usage: node main.mjs ORDER EMAIL CENTS');

const pool = new pg.Pool({ connectionString: process.env.TASKLEDGER_DATABASE_URL });
try {
  await pool.query(await readFile(new URL('schema.sql', import.meta.url), 'utf8'));
  const ledger = await openLedger({ pool });
  const task = await placeOrder(pool, ledger, { id, email, cents: Number(cents) });
  console.log(
    task.created ? `Order ${id} placed; its confirmation is task ${task.id}` : `Order ${id} was there already`,
  );
} finally {
  await pool.end();
}
