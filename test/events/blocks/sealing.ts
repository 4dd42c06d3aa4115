import pg from 'pg';
import { onTestFinished } from 'vitest';
import { systemClock } from '../../../src/clock.ts';
import { checkEvents, checkHeader, recomputeBlocks, type Finding } from '../../../src/events/blocks/check-block.ts';
import { addSiteKey } from '../../../src/events/blocks/known-key.ts';
import { Sealer } from '../../../src/events/blocks/sealer.ts';
import { temporarySiteKey, type SiteKey } from '../../../src/events/blocks/site-key.ts';
import { readSiteKeys } from '../../../src/events/blocks/stored-block.ts';
import { createSignals, type Signals } from '../../../src/signals.ts';
import { createTestDatabase } from '../../support/database.ts';

export interface SealingTest {
  readonly url: string;
  /** A superuser's. */
  readonly pool: pg.Pool;
  readonly signals: Signals;
  readonly key: SiteKey;
  /** Another sealer on the same database, stopped when the test ends. */
  sealer(): Sealer;
  submit(tasks: number, db?: pg.Pool | pg.ClientBase): Promise<void>;
  /** Everything wrong with any block. */
  check(): Promise<Finding[]>;
  /** Seqs of all blocks in block order, seq order inside. */
  sealed(): Promise<string[]>;
}

/** A database of the test's own with what sealing needs. */
export async function sealingTest(): Promise<SealingTest> {
  const database = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 12 });
  pool.on('error', () => undefined);
  const signals = createSignals();
  const key = temporarySiteKey();
  await addSiteKey(pool, key);
  const sealers: Sealer[] = [];
  onTestFinished(async () => {
    await Promise.all(sealers.map((sealer) => sealer.stop()));
    await pool.end();
    await database.drop();
  });
  return {
    url: database.url,
    pool,
    signals,
    key,
    sealer() {
      const sealer = new Sealer({ connectionString: database.url, key, clock: systemClock, signals });
      sealers.push(sealer);
      return sealer;
    },
    async submit(tasks, db = pool) {
      const inputs = `(select json_agg(json_build_object('name', 'some.task', 'input', i)) from generate_series(1, ${tasks}) i)`;
      await db.query(`select taskledger.submit_many(${inputs})`);
    },
    async check() {
      const keys = await readSiteKeys(pool);
      const findings: Finding[] = [];
      let prevHash: string | undefined;
      for (const recomputed of await recomputeBlocks(pool, 'ams', 1n, 1n << 60n)) {
        findings.push(...checkHeader(recomputed.block, keys, prevHash), ...(await checkEvents(pool, recomputed)));
        prevHash = recomputed.block.hash;
      }
      return findings;
    },
    async sealed() {
      const { rows } = await pool.query<{ seq: string }>(
        `select s::text as seq from taskledger.blocks b, unnest(b.members) r, generate_series(lower(r), upper(r) - 1) s
          where b.site = 'ams' order by b.number, s`,
      );
      return rows.map(({ seq }) => seq);
    },
  };
}
