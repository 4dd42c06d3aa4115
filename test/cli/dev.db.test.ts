import { createHash } from 'node:crypto';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { chmod, cp, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { repositoryRoot } from '../support/repository.ts';
import { runCli } from './run-cli.ts';
import { emptyDirectory, startDev } from './start-dev.ts';

const readme = readFileSync(path.join(repositoryRoot, 'README.md'), 'utf8');

/** The code block that follows a sentence of the README. */
function block(after: string): string {
  return /^```\w+\n([^]*?)^```$/m.exec(readme.slice(readme.indexOf(after)))?.[1] ?? '';
}

/** `npx taskledger …` of a shell line, as arguments. */
function argumentsOf(line: string): string[] {
  return [...line.replace(/^npx taskledger /, '').matchAll(/'([^']*)'|(\S+)/g)].map(
    ([, quoted, plain]) => quoted ?? plain ?? '',
  );
}

test('the README’s own first task: copied, run, and nothing is left running', async () => {
  const tasks = block('Save this as `tasks.mjs`');
  expect(tasks).toBe(readFileSync(path.join(repositoryRoot, 'examples/first-task/tasks.mjs'), 'utf8'));
  expect(tasks.trimEnd().split('\n').length).toBeLessThanOrEqual(15);
  const cwd = await emptyDirectory();
  await writeFile(path.join(cwd, 'tasks.mjs'), tasks);
  const [, ...dev] = argumentsOf(block('Start a ledger of your own').trim());
  const { ready, stop } = await startDev(dev, { cwd });
  expect(ready).toMatchObject({
    ready: true,
    sites: [{ name: 'local', url: expect.stringMatching(/^postgres:\/\//) }],
  });
  const urlFile = path.join(cwd, '.taskledger/url');
  expect([readFileSync(urlFile, 'utf8').trim(), statSync(urlFile).mode & 0o777]).toEqual([ready.sites[0]?.url, 0o600]);

  const [submit = '', list = '', history = ''] = block('In another shell').split('\n');
  const submitted = await runCli(argumentsOf(submit), { cwd });
  const id = /[0-9a-f-]{36}/.exec(submitted.stdout)?.[0] ?? '';
  expect([submitted.status, submitted.stdout]).toEqual([0, expect.stringContaining('Submitted greetings.say as')]);
  await expect
    .poll(async () => (await runCli(argumentsOf(list), { cwd })).stdout, { timeout: 15_000 })
    .toContain('completed');
  const told = await runCli(argumentsOf(history.replace('ID', id)), { cwd });
  expect(told.stdout).toContain('{"greeting":"Hello Ada!"}');

  expect(await stop()).toBe(0);
  expect([existsSync(urlFile), existsSync(path.join(cwd, '.taskledger/data/postmaster.pid'))]).toEqual([false, false]);
  expect((await runCli(['list'], { cwd })).status).toBe(2);
});

test('data are kept from one start to the next', async () => {
  const cwd = await emptyDirectory();
  const first = await startDev(['--data', 'kept'], { cwd });
  const [site] = first.ready.sites;
  await runCli(['submit', 'kept.task', '--input', 'null'], { url: site?.url ?? '' });
  expect(await first.stop()).toBe(0);
  const second = await startDev(['--data', 'kept'], { cwd });
  expect(second.ready).toEqual(first.ready);
  expect((await runCli(['list', '--json'], { url: site?.url ?? '' })).objects()).toMatchObject([{ name: 'kept.task' }]);
  expect(await second.stop()).toBe(0);
});

test.runIf(process.geteuid?.() === 0)(
  'root in a directory the database may not enter: data are kept elsewhere, and found',
  async () => {
    const cwd = await emptyDirectory();
    await chmod(cwd, 0o700);
    const elsewhere = `/var/tmp/taskledger-0-${createHash('sha256').update(cwd).digest('hex').slice(0, 12)}`;
    onTestFinished(() => rm(elsewhere, { recursive: true, force: true }));
    const { ready, stop } = await startDev([], { cwd });
    const listed = await runCli(['list', '--json'], { cwd });
    expect([ready.ready, listed.status, await readdir(cwd), existsSync(elsewhere)]).toEqual([true, 0, [], true]);
    expect(await stop()).toBe(0);
    const refused = await runCli(['dev', '--data', 'here', '--json'], { cwd });
    expect([refused.status, refused.error()['error']]).toEqual([2, 'TASKLEDGER_INVALID_OPTION']);
  },
);

test('the gzip example compresses a file per task', async () => {
  const cwd = await emptyDirectory();
  await cp(path.join(repositoryRoot, 'examples/gzip/gzip.mjs'), path.join(cwd, 'gzip.mjs'));
  await writeFile(path.join(cwd, 'a.txt'), 'a'.repeat(10_000));
  const { stop } = await startDev(['--handlers', 'gzip.mjs'], { cwd });
  const inputs = ['{"path":"a.txt","to":"a.txt.gz"}', '{"path":"none.txt","to":"none.gz"}'].join('\n');
  await runCli(['submit', 'files.gzip', '--inputs', '-'], { cwd, stdin: inputs });
  const states = async (): Promise<unknown[]> =>
    (await runCli(['list', '--json'], { cwd })).objects().map(({ state }) => state);
  await expect.poll(states, { timeout: 15_000 }).toEqual(expect.arrayContaining(['completed', 'failed']));
  expect((await readdir(cwd)).sort()).toEqual(['.taskledger', 'a.txt', 'a.txt.gz', 'gzip.mjs']);
  expect(await stop()).toBe(0);
});
