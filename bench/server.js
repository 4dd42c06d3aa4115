// One Postgres server for everybody, with the same settings for everybody.
import pg from 'pg';
import { startEmbeddedPostgres } from '../dist/postgres/embedded/start-embedded-postgres.js';
import { findPostmaster, ownCpuSeconds, serverCpuSeconds } from './machine.js';

/** Durability is on (fsync, synchronous_commit, full_page_writes keep their defaults and are checked below). */
export const settings = {
  max_connections: '200',
  shared_buffers: '1GB',
  max_wal_size: '8GB', // so that no checkpoint falls into one peer's turn and not into the other's
  checkpoint_timeout: '30min',
  jit: 'off', // never helps statements this short
};

const durable = ['fsync', 'synchronous_commit', 'full_page_writes'];

/**
 * @param more settings beside those above
 * @returns `createDatabase(name)` → url, `dropDatabase(name)`, `settle(url)`, `timed(work)`, `postmaster` (its pid), `stop()`.
 */
export async function startServer(more = {}) {
  const server = await startEmbeddedPostgres({ settings: { ...settings, ...more } });
  const admin = new pg.Client({ connectionString: server.url });
  admin.on('error', () => {}); // the server may be stopped first
  await admin.connect();
  const { rows } = await admin.query(
    'select name, current_setting(name) as value from pg_settings where name = any($1)',
    [[...Object.keys({ ...settings, ...more }), ...durable, 'wal_level', 'autovacuum', 'server_version']],
  );
  const { server_version: version, ...actual } = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  for (const name of durable) {
    if (actual[name] !== 'on') throw new Error(`${name} must be on for a comparison, found ${actual[name]}`);
  }
  const postmaster = await findPostmaster(admin);
  const urlOf = (name) => Object.assign(new URL(server.url), { pathname: `/${name}` }).href;

  return {
    version,
    settings: actual,
    postmaster,
    async createDatabase(name) {
      await admin.query(`drop database if exists "${name}" with (force)`);
      await admin.query(`create database "${name}" strategy wal_log`);
      return urlOf(name);
    },
    async dropDatabase(name) {
      await admin.query(`drop database if exists "${name}" with (force)`);
    },
    /** What autovacuum and the checkpointer would have done after a while: before every timed part, for everybody. */
    async settle(url) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query('vacuum analyze');
      await client.query('checkpoint');
      await client.end();
    },
    /** Wall time and CPU time of `work`, which returns the CPU seconds of its child processes, if it has some. */
    async timed(work) {
      const before = { wall: process.hrtime.bigint(), postgres: serverCpuSeconds(postmaster), node: ownCpuSeconds() };
      const children = (await work())?.childCpuSeconds ?? 0;
      const seconds = Number(process.hrtime.bigint() - before.wall) / 1e9;
      const postgres = serverCpuSeconds(postmaster);
      return {
        seconds,
        cpuSeconds: {
          ...(postgres === undefined ? {} : { postgres: postgres - before.postgres }),
          node: ownCpuSeconds() - before.node + children,
        },
      };
    },
    async stop() {
      await admin.end().catch(() => {});
      await server.stop();
    },
  };
}
