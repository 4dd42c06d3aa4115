import { expect, inject, test } from 'vitest';
import { withConnection } from '../support/admin-connection.ts';

test('the tests run on the PostgreSQL version that was asked for, and on none we do not support', async () => {
  const { adminUrl } = inject('testServer');
  const version = await withConnection(adminUrl, async (client) => {
    const { rows } = await client.query<{ major: number }>(
      "select current_setting('server_version_num')::int / 10000 as major",
    );
    return rows[0]!.major;
  });
  const asked = process.env['TEST_POSTGRES_VERSION'] ?? '';
  expect(version).toBeGreaterThanOrEqual(16);
  if (asked !== '') expect(version).toBe(Number(asked));
});
