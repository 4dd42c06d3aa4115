import { expect, inject, onTestFinished, test } from 'vitest';
import { withConnection } from './admin-connection.ts';
import { createTestDatabase } from './database.ts';
import type { TestDatabase } from './database.ts';

async function create(options?: { empty?: boolean }): Promise<TestDatabase> {
  const database = await createTestDatabase(options);
  onTestFinished(() => database.drop());
  return database;
}

const existing = async (): Promise<string[]> =>
  await withConnection(inject('testServer').adminUrl, async (client) => {
    const { rows } = await client.query<{ datname: string }>('select datname from pg_database');
    return rows.map(({ datname }) => datname);
  });

test('every test database is its own, also when many are asked for at once', async () => {
  const databases = await Promise.all(Array.from({ length: 8 }, async () => await create()));
  const counts = databases.map(async ({ url }, at) => {
    await withConnection(url, (client) => client.query(`create table mine as select generate_series(1, ${at + 1})`));
    return await withConnection(url, async (client) => (await client.query('select from mine')).rowCount);
  });
  expect(await Promise.all(counts)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test('a test database is dropped although somebody is still connected, and twice is fine', async () => {
  const database = await create({ empty: true });
  await expect(
    withConnection(database.url, async (client) => {
      await database.drop();
      await client.query('select 1');
    }),
  ).rejects.toThrow(/terminat|ECONN|connection error/);
  await database.drop();
  expect(await existing()).not.toContain(database.name);
});
