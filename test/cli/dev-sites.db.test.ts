import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { cp, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { serverProcesses } from '../../src/postgres/embedded/postmaster-file.ts';
import { chooseServerAccount } from '../../src/postgres/embedded/server-account.ts';
import { repositoryRoot } from '../support/repository.ts';
import { runCli } from './run-cli.ts';
import { emptyDirectory, startDev } from './start-dev.ts';

const atFra = ['--url', '@.taskledger/fra/url'];
const soon = { timeout: 40_000, interval: 500 };

interface Listed {
  readonly id: string;
  readonly state: string;
}

/** A directory with handlers, and commands run in it. */
async function place() {
  const cwd = await emptyDirectory();
  await cp(path.join(repositoryRoot, 'examples/first-task/tasks.mjs'), path.join(cwd, 'tasks.mjs'));
  const submit = async (...at: string[]): Promise<string> => {
    const { objects } = await runCli(['submit', 'greetings.say', '--input', '{"name":"Ada"}', '--json', ...at], {
      cwd,
    });
    return objects()[0]?.['id'] as string;
  };
  const states = async (...at: string[]): Promise<Record<string, string>> => {
    const { stdout, objects } = await runCli(['list', '--json', ...at], { cwd });
    const listed = stdout === '' ? [] : (objects() as unknown as Listed[]);
    return Object.fromEntries(listed.map(({ id, state }) => [id, state]));
  };
  const clusters = ['ams', 'fra'].map((site) => path.join(cwd, '.taskledger', site, 'data'));
  return { cwd, submit, states, clusters };
}

async function processesOf(clusters: readonly string[]): Promise<number[]> {
  const account = await chooseServerAccount(await stat(clusters[0]!));
  return (await Promise.all(clusters.map((cluster) => serverProcesses(cluster, account)))).flat();
}

/** Somebody else listens there until the test ends. */
async function take(url: string): Promise<void> {
  const server = createServer().listen(Number(new URL(url).port), '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
}

async function subscribesTo(url: string): Promise<string> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ place: string }>(
      "select substring(subconninfo from '@([^/]*)/') as place from pg_subscription",
    );
    return rows.map((row) => row.place).join();
  } finally {
    await client.end();
  }
}

test('two sites ship to each other, survive a kill, and come back as they were', { timeout: 180_000 }, async () => {
  const { cwd, submit, states, clusters } = await place();
  const first = await startDev(['--sites', 'ams,fra', '--handlers', 'tasks.mjs'], { cwd });
  expect(first.ready).toMatchObject({ ready: true, sites: [{ name: 'ams' }, { name: 'fra' }] });
  const fra = first.ready.sites[1]!.url;

  const [mine, theirs] = [await submit(), await submit(...atFra)];
  await expect.poll(() => states(...atFra), soon).toEqual({ [mine]: 'completed', [theirs]: 'completed' });
  await expect.poll(() => states(), soon).toEqual({ [mine]: 'completed', [theirs]: 'completed' });
  const told = await runCli(['history', mine, '--json', ...atFra], { cwd });
  // A report of progress that comes with the outcome is not recorded.
  const events = told.objects().filter(({ type }) => type !== 'task.progressed');
  expect(events.map(({ site, type }) => [site, type])).toEqual([
    ['ams', 'task.submitted'],
    ['ams', 'task.leased'],
    ['ams', 'task.completed'],
  ]);

  const killed = Number(readFileSync(path.join(clusters[1]!, 'postmaster.pid'), 'utf8').split('\n')[0]);
  process.kill(killed, 'SIGKILL');
  const meanwhile = await submit();
  await expect.poll(() => states(...atFra), soon).toMatchObject({ [meanwhile]: 'completed' });

  expect(await first.stop()).toBe(0);
  expect(await processesOf(clusters)).toEqual([]);
  const announced = ['url', 'ams/url', 'fra/url'].map((file) => existsSync(path.join(cwd, '.taskledger', file)));
  expect(announced).toEqual([false, false, false]);

  await take(fra);
  const second = await startDev(['--handlers', 'tasks.mjs'], { cwd });
  expect(second.ready.sites.map(({ name }) => name)).toEqual(['ams', 'fra']);
  const [ams, moved] = second.ready.sites.map(({ url }) => new URL(url));
  expect(moved?.port).not.toBe(new URL(fra).port);
  expect(await subscribesTo(ams!.href)).toBe(moved!.host);
  const later = await submit(...atFra);
  const all = [mine, theirs, meanwhile, later];
  await expect.poll(() => states(), soon).toEqual(Object.fromEntries(all.map((id) => [id, 'completed'])));
  expect(await second.stop()).toBe(0);
  expect(await processesOf(clusters)).toEqual([]);
});
