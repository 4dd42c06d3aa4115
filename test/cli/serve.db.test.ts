import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { claimSome } from '../support/leases.ts';
import { differencesFromLog, testLedger } from '../support/ledger.ts';
import { loginWith } from '../support/logins.ts';
import { ledgerOnOwnServer } from '../support/own-server.ts';
import { firstLine, runCli, spawnCli } from './run-cli.ts';

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly [fact: string]: unknown;
}

interface Serving {
  readonly child: ChildProcess;
  readonly ready: Promise<unknown>;
  /** Resolves with the first log line of this signal. */
  logs(msg: string): Promise<LogLine>;
  /** Answers the exit status. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

function serve(url: string): Serving {
  const child = spawnCli(['serve', '--json'], { url, env: { LOG_LEVEL: 'debug' } });
  const exited = once(child, 'exit') as Promise<[number | null]>;
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines: LogLine[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stderr! }).on('line', (line) => {
    if (line.startsWith('{')) lines.push(JSON.parse(line) as LogLine);
    for (const wake of waiting) wake();
  });
  const logs = async (msg: string): Promise<LogLine> => {
    for (;;) {
      const found = lines.find((line) => line.msg === msg);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => waiting.add(resolve));
    }
  };
  const stop = async (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    child.kill(signal);
    return (await exited)[0];
  };
  return { child, ready: firstLine(child).then((line) => JSON.parse(line) as unknown), logs, stop };
}

test('serve, as a login with the daemon role alone, ends lost leases, missed windows and passed deadlines', async () => {
  const t = await testLedger();
  const daemon = serve((await loginWith(t.url, 'taskledger_daemon')).url);
  expect(await daemon.ready).toMatchObject({ ready: true, site: 'ams', services: expect.arrayContaining(['sweep']) });
  const lost = await t.ledger.submit('some.task', 1, { retry: { attempts: 1 } });
  await claimSome(t.pool, 1, { ttlMs: 1000 });
  const missed = await t.ledger.submit('some.task', 2, { startBefore: new Date(Date.now() + 500) });
  const overdue = await t.ledger.submit('some.task', 3, { deadline: new Date(Date.now() + 500) });
  const states = async (): Promise<string[]> =>
    await Promise.all([lost, missed, overdue].map(async ({ id }) => (await t.ledger.get(id)).state));
  await expect.poll(states, { timeout: 15_000 }).toEqual(['failed', 'missed', 'failed']);
  expect(await daemon.stop('SIGINT')).toBe(0);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('two daemons at once do no harm: each lease is ended once', async () => {
  const t = await testLedger();
  const daemons = [serve(t.url), serve(t.url)];
  await Promise.all(daemons.map(({ ready }) => ready));
  const tasks = await t.ledger.submitMany(
    'some.task',
    Array.from({ length: 200 }, (_, input) => ({ input })),
    {
      retry: { attempts: 1 },
    },
  );
  await claimSome(t.pool, 200, { ttlMs: 1000 });
  const left = async (): Promise<number> =>
    (await t.pool.query<{ n: number }>('select count(*)::int as n from taskledger.open_tasks')).rows[0]!.n;
  await expect.poll(left, { timeout: 15_000 }).toBe(0);
  const { rows } = await t.pool.query(
    "select count(*)::int as n, count(distinct task_id)::int as tasks from taskledger.events where type = 'task.lease_expired'",
  );
  expect(rows).toEqual([{ n: tasks.length, tasks: tasks.length }]);
  expect(await Promise.all(daemons.map((daemon) => daemon.stop()))).toEqual([0, 0]);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a database that is not migrated is refused with the command to run, and status 3', async () => {
  await using empty = await createTestDatabase({ empty: true });
  const { status, stdout, error } = await runCli(['serve', '--json'], { url: empty.url, env: { LOG_LEVEL: 'silent' } });
  expect([status, stdout, error()['error'], error()['remedy']]).toEqual([
    3,
    '',
    'TASKLEDGER_NOT_MIGRATED',
    'Run: taskledger migrate',
  ]);
});

test('a user the server does not let in is an error at once, not something to wait for', async () => {
  await using database = await createTestDatabase();
  const stranger = new URL(database.url);
  stranger.pathname = '/no_such_database';
  const { status, error } = await runCli(['serve', '--json'], { url: stranger.href, env: { LOG_LEVEL: 'silent' } });
  expect([status, error()['error']]).toEqual([3, 'TASKLEDGER_UNREACHABLE']);
});

test('a stop while it waits for a database ends it with 0', async () => {
  const daemon = serve('postgres://app:hunter2@127.0.0.1:1/app');
  expect(JSON.stringify(await daemon.logs('connection.lost'))).not.toContain('hunter2');
  daemon.ready.catch(() => undefined);
  expect(await daemon.stop()).toBe(0);
});

test('a database that is away at the start, and again later, is waited for', async () => {
  const { server } = await ledgerOnOwnServer();
  await server.kill();
  const daemon = serve(server.url);
  expect(await daemon.logs('connection.lost')).toMatchObject({ level: 'warn', purpose: 'daemon' });
  await server.restart();
  expect(await daemon.ready).toMatchObject({ ready: true });
  await server.kill();
  expect(await daemon.logs('service.failed')).toMatchObject({ level: 'warn', retryInMs: expect.any(Number) });
  await server.restart();
  expect(await daemon.logs('service.recovered')).toMatchObject({ level: 'info' });
  expect(await daemon.stop()).toBe(0);
});
