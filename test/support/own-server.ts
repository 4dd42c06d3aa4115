import pg from 'pg';
import { onTestFinished } from 'vitest';
import { openLedger } from '../../src/open-ledger.ts';
import type { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-server.ts';
import { startEmbeddedPostgres } from '../../src/postgres/embedded/start-embedded-postgres.ts';
import { migrate } from '../../src/postgres/migrate.ts';
import { inMemory } from './in-memory.ts';
import type { TestLedger } from './ledger.ts';
import { testBinaries } from './test-server.ts';

export interface OwnServer extends TestLedger {
  readonly server: EmbeddedPostgres;
}

/**
 * A ledger on a PostgreSQL server of this test's own, which it may stop, kill and fill; with fsync, as in production.
 * @param dataDir default: a temporary one
 */
export async function ledgerOnOwnServer(dataDir?: string): Promise<OwnServer> {
  const options = { binaries: testBinaries(), dataDir, settings: { max_connections: '250' } };
  const server = await inMemory(() => startEmbeddedPostgres(options));
  onTestFinished(() => server.stop('immediate'));
  await migrate({ connectionString: server.url, site: 'ams' });
  const pool = new pg.Pool({ connectionString: server.url, max: 4 });
  pool.on('error', () => undefined);
  const ledger = await openLedger({ connectionString: server.url });
  onTestFinished(async () => {
    await ledger.close();
    await pool.end();
  });
  return {
    server,
    url: server.url,
    pool,
    ledger,
    async run(handlers, options = {}) {
      const runner = ledger.runner({ handlers, pollMs: 50, drainMs: 1000, ...options });
      onTestFinished(() => runner.stop(0));
      await runner.start();
      return runner;
    },
    settled: () => Promise.reject(new Error('Not offered: a signal may be lost with its server; poll instead.')),
  };
}
