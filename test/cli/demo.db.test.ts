import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { firstLine, runCli, spawnCli } from './run-cli.ts';

/** The demo's temporary directories, and nobody else's. */
async function ownTemporary(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'taskledger-demo-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const { chmod } = await import('node:fs/promises');
  await chmod(directory, 0o777);
  return directory;
}

test('the demo ends well, says what it checked, and leaves nothing behind', { timeout: 90_000 }, async () => {
  const TMPDIR = await ownTemporary();
  const { status, objects, stderr } = await runCli(['demo', '--tasks', '200', '--json'], { env: { TMPDIR } });
  expect([status, stderr]).toEqual([0, '']);
  expect(objects().at(-1)).toEqual({
    tasks: 205,
    states: { completed: 203, aborted: 1, missed: 1 },
    events: expect.any(Number),
    sites: ['ams'],
    converged: true,
    verified: true,
    seconds: expect.any(Number),
  });
  expect((await readdir(TMPDIR)).filter((name) => name.startsWith('taskledger-postgres-'))).toEqual([]);
});

test('an interrupted demo cleans up', { timeout: 60_000 }, async () => {
  const TMPDIR = await ownTemporary();
  const child = spawnCli(['demo'], { env: { TMPDIR } });
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  await firstLine(child);
  child.kill('SIGINT');
  expect((await exited)[0]).toBe(0);
  expect((await readdir(TMPDIR)).filter((name) => name.startsWith('taskledger-postgres-'))).toEqual([]);
});
