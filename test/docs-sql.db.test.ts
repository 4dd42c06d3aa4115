import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { failed, leased, submitted } from '../src/testing/index.ts';
import { exampleId, offered, renderSql } from './support/reference/sql-page.ts';
import { repositoryRoot } from './support/repository.ts';
import { onTestServer } from './support/users-ledger.ts';

/** After a change: UPDATE_DOCS=1 npx vitest run test/docs-sql.db.test.ts */
const update = process.env['UPDATE_DOCS'] === '1';
const file = path.join(repositoryRoot, 'docs/reference/sql.md');

function poolOn(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  pool.on('error', () => undefined);
  onTestFinished(() => pool.end());
  return pool;
}

test('docs/reference/sql.md is what the catalogue says now (UPDATE_DOCS=1 writes it)', async () => {
  const t = await onTestServer();
  const said = await renderSql(poolOn(t.url));
  if (update) writeFileSync(file, said);
  expect(existsSync(file) ? readFileSync(file, 'utf8') : '').toBe(said);
  const named = [...said.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
  expect(named.sort()).toEqual(Object.keys(offered).sort());
});

test('every example of the page works on a task in the state it is about', async () => {
  const t = await onTestServer();
  const pool = poolOn(t.url);
  const tasks = {
    pending: async () => (await t.given('payouts.pay', null)).id,
    failed: async () => (await t.given('payouts.pay', null, failed('no account'))).id,
    in_doubt: async () => {
      const { id } = await t.given('payouts.pay', null, submitted({ protected: true }), leased());
      await t.clock.advance('1m');
      await t.ledger.sweep();
      return id;
    },
  };
  for (const [name, { on, example }] of Object.entries(offered)) {
    const { rows } = await pool.query<Record<string, unknown>>(example.replace(exampleId, await tasks[on]()));
    expect({ name, rows: rows.length > 0 }).toEqual({ name, rows: true });
  }
  const states = (await t.ledger.list({ name: 'payouts.pay' })).map(({ state }) => state);
  expect(states.sort()).toEqual([...['aborted', 'completed', 'failed', 'failed', ...Array<string>(6).fill('pending')]]);
});
