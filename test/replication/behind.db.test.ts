import { expect, it } from 'vitest';
import { readAbove } from '../../src/replication/behind.ts';
import { testLedger } from '../support/ledger.ts';

it('counts a thousand blocks, and takes the rest from their numbers, however many there are', async () => {
  const { pool } = await testLedger();
  await pool.query(
    `insert into taskledger.blocks (site, number, members, event_count, root, prev_hash, hash, sealed_at, sealed_by, format, key_id, signature, leaf_hints)
     select 'ams', n, int8multirange(int8range(n * 12, n * 12 + 10)), 10, hash, hash, hash, now() - interval '1 hour' + n * interval '1 s', 'ams', 1, '',
            hash || hash, '' from generate_series(1, 1500) n, sha256('') hash`,
  );
  const from = (block: bigint) => readAbove(pool, 'ams', block);
  expect(await from(500n)).toMatchObject({ events: 1000 * 10 });
  expect(await from(0n)).toMatchObject({ events: 1000 * 10 + 500 * 12 });
  expect((await from(1000n)).oldestMs).toBeGreaterThan(2_590_000);
  expect((await from(1000n)).oldestMs).toBeLessThan(2_660_000);
  expect(await from(1500n)).toEqual({ events: 0, oldestMs: 0 });
  expect(await readAbove(pool, 'fra', 0n)).toEqual({ events: 0, oldestMs: 0 });
});
