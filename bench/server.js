// One Postgres server for everybody, with the same settings for everybody.
import pg from 'pg';
import { startEmbeddedPostgres } from '../dist/postgres/embedded/start-embedded-postgres.js';
import { findPostmaster, ownCpuSeconds, serverCpuSeconds } from './machine.js';
import { profileSettings } from './profile.js';
import { undoable } from './undo.js';

/** Durability is on (fsync, synchronous_commit, full_page_writes keep their defaults and are checked below). */
export const settings = {
  max_connections: '200',
  shared_buffers: '1GB',
  max_wal_size: '8GB', // so that no checkpoint falls into one peer's turn and not into the other's
  checkpoint_timeout: '30min',
  jit: 'off', // never helps statements this short
};

/** Of a server that ships its log to another one beside it; two share the memory that one has elsewhere. */
export const siteSettings = { wal_level: 'logical', shared_buffers: '512MB', max_worker_processes: '16' };

const durable = ['fsync', 'synchronous_commit', 'full_page_writes'];

/**
 * @param more settings beside those above
 * @returns `createDatabase(name)` → url, `dropDatabase(name)`, `settle(url)`, `timed(work)`, `postmaster` (its pid),
 *   `other()`: a second server, started when it is first asked for; `stop()`.
 */
export async function startServer(more = {}, { profile = false } = {}) {
  const wanted = { ...settings, ...more, ...(profile ? profileSettings : {}) };
  const server = await startEmbeddedPostgres({ settings: wanted });
  const admin = new pg.Client({ connectionString: server.url });
  const stop = undoable(async () => {
    await admin.end().catch(() => {});
    await server.stop();
  });
  admin.on('error', () => {}); // the server may be stopped first
  await admin.connect();
  const { version, actual } = await readSettings(admin, Object.keys(wanted));
  const postmaster = await findPostmaster(admin);
  const urlOf = (name) => Object.assign(new URL(server.url), { pathname: `/${name}` }).href;
  const dropDatabase = (name) => admin.query(`drop database if exists "${name}" with (force)`);
  let second;

  return {
    version,
    settings: actual,
    /** As results carry it. */
    described: { version, settings: actual },
    postmaster,
    profile,
    other: () => (second ??= startServer(siteSettings)),
    async createDatabase(name) {
      await dropDatabase(name);
      await admin.query(`create database "${name}" strategy wal_log`);
      return urlOf(name);
    },
    async dropDatabase(name) {
      await dropDatabase(name);
    },
    /** What autovacuum and the checkpointer would have done after a while: before every timed part, for everybody. */
    async settle(url) {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      await client.query('vacuum analyze');
      await client.query('checkpoint');
      await client.end();
    },
    timed: (work, beside) => timed({ postgres: postmaster, ...beside }, work),
    async stop() {
      await (await second)?.stop();
      await stop();
    },
  };
}

async function readSettings(admin, names) {
  const { rows } = await admin.query(
    'select name, current_setting(name) as value from pg_settings where name = any($1)',
    [[...names, ...durable, 'wal_level', 'autovacuum', 'server_version']],
  );
  const { server_version: version, ...actual } = Object.fromEntries(rows.map(({ name, value }) => [name, value]));
  for (const name of durable) {
    if (actual[name] !== 'on') throw new Error(`${name} must be on for a comparison, found ${actual[name]}`);
  }
  return { version, actual };
}

/**
 * Wall time and CPU time of `work`, which returns the CPU seconds of its child processes, if it has some.
 * @param postmasters name → pid: each with all its children is counted under its name, this process and its children under `node`
 */
async function timed(postmasters, work) {
  const read = () => Object.entries(postmasters).map(([name, pid]) => [name, serverCpuSeconds(pid)]);
  const before = { wall: process.hrtime.bigint(), servers: Object.fromEntries(read()), node: ownCpuSeconds() };
  const answer = (await work()) ?? {};
  const seconds = Number(process.hrtime.bigint() - before.wall) / 1e9;
  const servers = read().filter(([, used]) => used !== undefined);
  return {
    ...answer,
    seconds: answer.seconds ?? seconds,
    cpuSeconds: {
      ...Object.fromEntries(servers.map(([name, used]) => [name, used - before.servers[name]])),
      node: ownCpuSeconds() - before.node + (answer.childCpuSeconds ?? 0),
    },
  };
}
