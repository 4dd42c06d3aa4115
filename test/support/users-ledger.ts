import { onTestFinished } from 'vitest';
import { startTestLedger, type TestLedger, type TestLedgerOptions } from '../../src/testing/index.ts';
import { createTestDatabase } from './database.ts';

/** What users of taskledger/testing have, on a database of the suite's server; gone when the test ends. */
export async function onTestServer(
  options: TestLedgerOptions = {},
  database: { empty?: boolean } = {},
): Promise<TestLedger & { readonly databaseUrl: string }> {
  const place = await createTestDatabase(database);
  const t = await startTestLedger({ connectionString: place.url, ...options });
  onTestFinished(async () => {
    await t.stop();
    await place.drop();
  });
  return { ...t, databaseUrl: place.url };
}
