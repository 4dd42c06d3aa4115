import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { processStart } from '../../src/postgres/embedded/process-identity.ts';
import { startEmbeddedPostgres } from '../../src/postgres/embedded/start-embedded-postgres.ts';
import type { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-server.ts';
import type { EmbeddedPostgresOptions } from '../../src/postgres/embedded/start-embedded-postgres.ts';
import { createSignals } from '../../src/signals.ts';
import { withConnection } from '../support/admin-connection.ts';

async function start(options?: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres(options);
  onTestFinished(() => server.stop('immediate'));
  return server;
}

async function ask(url: string, sql: string): Promise<unknown> {
  const result = await withConnection(url, (client) => client.query<{ answer: unknown }>(sql));
  return result.rows[0]?.answer;
}

async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'taskledger-test-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o755);
  return join(directory, 'kept');
}

const refusal = (code: string, message: RegExp): unknown =>
  expect.objectContaining({ code, message: expect.stringMatching(message) as string });

describe('a temporary server', () => {
  let server: EmbeddedPostgres;
  beforeAll(async () => {
    server = await startEmbeddedPostgres({ settings: { max_connections: '37' } });
  });
  afterAll(async () => {
    await server.stop();
  });

  test.each([
    ['server_version_num', /^18\d{4}$/],
    ['fsync', /^on$/],
    ['synchronous_commit', /^on$/],
    ['data_checksums', /^on$/],
    ['wal_level', /^logical$/],
    ['timezone', /^UTC$/],
    ['server_encoding', /^UTF8$/],
    ['listen_addresses', /^127\.0\.0\.1$/],
    ['unix_socket_directories', /^$/],
    ['password_encryption', /^scram-sha-256$/],
    ['shared_buffers', /^128MB$/],
    ['max_connections', /^37$/],
  ])('runs with %s = %s', async (name, value) => {
    expect(await ask(server.url, `select current_setting('${name}') answer`)).toMatch(value);
  });

  test('sorts as C does', async () => {
    expect(await ask(server.url, 'select datcollate answer from pg_database where datname = current_database()')).toBe(
      'C',
    );
  });

  test('lets nobody in without the password', async () => {
    const url = new URL(server.url);
    url.password = 'guessed';
    await expect(ask(url.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
    expect((await stat(join(server.dataDir, 'server.json'))).mode & 0o077).toBe(0);
  });

  test('tells its version and its process', async () => {
    expect(server.version).toMatch(/^18\.\d+$/);
    expect(Number((await readFile(join(server.dataDir, 'data/postmaster.pid'), 'utf8')).split('\n')[0])).toBe(
      server.pid,
    );
  });
});

describe('stopping', () => {
  test('leaves no process and no directory, and twice is fine', async () => {
    const signals = createSignals();
    const seen: string[] = [];
    signals.subscribe(({ name }) => seen.push(name));
    const server = await startEmbeddedPostgres({ signals });
    await Promise.all([server.stop(), server.stop()]);
    await server[Symbol.asyncDispose]();
    expect(processStart(server.pid)).toBeUndefined();
    expect(existsSync(server.dataDir)).toBe(false);
    expect(seen.filter((name) => name !== 'postgres.leftover_removed')).toEqual([
      'postgres.started',
      'postgres.stopped',
    ]);
    await expect(server.restart()).rejects.toEqual(refusal('TASKLEDGER_EMBEDDED_FAILED', /restart after stop/));
  });
});

describe('kill', () => {
  test('is a crash that restart recovers from: what was committed is there', async () => {
    const server = await start();
    await ask(server.url, 'create table t as select 42 as answer');
    const before = server.pid;
    await server.kill();
    expect([server.running, processStart(before)]).toEqual([false, undefined]);
    await server.restart();
    expect(await ask(server.url, 'select answer from t')).toBe(42);
    expect(server.pid).not.toBe(before);
  });
});

describe('a kept data directory', () => {
  test('keeps data, password and port, also after a crash', async () => {
    const dataDir = await emptyDirectory();
    const first = await start({ dataDir });
    await ask(first.url, 'create table t as select 42 as answer');
    await first.kill();
    await first.stop();
    const second = await start({ dataDir });
    expect(second.url).toBe(first.url);
    expect(await ask(second.url, 'select answer from t')).toBe(42);
  });

  test('serves one server at a time', async () => {
    const dataDir = await emptyDirectory();
    const outcomes = await Promise.allSettled([start({ dataDir }), start({ dataDir })]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const refused = refusal(
      'TASKLEDGER_DATA_DIR_IN_USE',
      new RegExp(`in use by process ${process.pid}, which is running`),
    );
    expect(outcomes).toContainEqual({ status: 'rejected', reason: refused });
    await expect(start({ dataDir })).rejects.toEqual(refused);
  });

  test('starts although the number in a stale postmaster.pid belongs to somebody else by now', async () => {
    const dataDir = await emptyDirectory();
    const first = await start({ dataDir });
    await first.kill();
    await first.stop();
    const pidFile = join(dataDir, 'data/postmaster.pid');
    const { uid } = await stat(pidFile);
    const bystander = spawn('sleep', ['60'], { uid });
    onTestFinished(() => void bystander.kill());
    await writeFile(pidFile, (await readFile(pidFile, 'utf8')).replace(/^\d+/, String(bystander.pid)));
    const second = await start({ dataDir });
    expect(second.running).toBe(true);
    expect(bystander.exitCode).toBeNull();
  });

  test('of another major version is refused', async () => {
    const dataDir = await emptyDirectory();
    await (await start({ dataDir })).stop();
    await writeFile(join(dataDir, 'data/PG_VERSION'), '17\n');
    await expect(start({ dataDir })).rejects.toEqual(
      refusal('TASKLEDGER_EMBEDDED_FAILED', /Expected a data directory of PostgreSQL 18; found one of PostgreSQL 17/),
    );
  });

  test('with anything else in it is refused and left alone', async () => {
    const dataDir = await emptyDirectory();
    await mkdir(dataDir, { recursive: true });
    await writeFile(join(dataDir, 'package.json'), '{}');
    await expect(start({ dataDir })).rejects.toEqual(
      refusal('TASKLEDGER_INVALID_OPTION', /found .* package\.json in it/),
    );
  });
});

describe('a start that cannot succeed', () => {
  test('shows the end of the log', async () => {
    const failing = start({ settings: { shared_buffers: 'much' } });
    await expect(failing).rejects.toEqual(
      refusal('TASKLEDGER_EMBEDDED_FAILED', /invalid value for parameter "shared_buffers": "much"/),
    );
  });

  test('says that the port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await expect(start({ port })).rejects.toEqual(refusal('TASKLEDGER_EMBEDDED_FAILED', /Address already in use/));
  });

  test.each([[{ port: 0 }], [{ superuser: 'pg_x' }]])('refuses %o', async (options) => {
    await expect(start(options)).rejects.toEqual(refusal('TASKLEDGER_INVALID_OPTION', /./));
  });

  test('says which programs were looked for', async () => {
    const directory = tmpdir();
    await expect(start({ binaries: directory })).rejects.toEqual(
      refusal(
        'TASKLEDGER_NO_POSTGRES_BINARY',
        /optional dependency .* no native\/bin\/postgres in .*TASKLEDGER_DATABASE_URL/,
      ),
    );
  });
});

test('four at once take four ports', async () => {
  const servers = await Promise.all([start(), start(), start(), start()]);
  const answers = servers.map(({ url }) => ask(url, "select current_setting('port')::int answer"));
  expect(await Promise.all(answers)).toEqual(servers.map(({ port }) => port));
  expect(new Set(servers.map(({ port }) => port)).size).toBe(4);
});
