import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { openLedger } from 'taskledger';
import { createApp } from './app.mjs';

const pool = new pg.Pool({ connectionString: process.env.TASKLEDGER_DATABASE_URL });
await pool.query(await readFile(new URL('schema.sql', import.meta.url), 'utf8'));
const ledger = await openLedger({ pool });
const app = createApp(pool, ledger);
app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  console.log(`The application is ready at http://127.0.0.1:${app.address().port}`);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, async () => {
    app.closeAllConnections();
    app.close();
    await ledger.close();
    await pool.end();
  });
}
