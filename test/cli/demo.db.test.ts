import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { testScale } from '../support/scale.ts';
import { firstLine, runCli, spawnCli } from './run-cli.ts';

/** The demo's temporary directories, and nobody else's. */
async function ownTemporary(): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'taskledger-demo-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o777);
  return directory;
}

/** Runs it to its end. @returns its last line, when nothing is left of it */
async function demo(...args: string[]): Promise<Record<string, unknown>> {
  const TMPDIR = await ownTemporary();
  const { status, objects, stderr } = await runCli(['demo', ...args, '--json'], { env: { TMPDIR } });
  expect([status, stderr]).toEqual([0, '']);
  expect((await readdir(TMPDIR)).filter((name) => name.startsWith('taskledger-postgres-'))).toEqual([]);
  return objects().at(-1) ?? {};
}

test(
  'the demo of one site ends well, says what it checked, and leaves nothing behind',
  { timeout: 180_000 },
  async () => {
    expect(await demo('--sites', '1', '--tasks', '200')).toEqual({
      tasks: 205,
      states: { completed: 203, aborted: 1, missed: 1 },
      events: expect.any(Number),
      sites: ['ams'],
      converged: true,
      verified: true,
      seconds: expect.any(Number),
    });
  },
);

const several = [
  { sites: ['ams', 'fra'], args: [] },
  // Three servers: `npm run test:long`.
  ...(testScale > 1 ? [{ sites: ['ams', 'fra', 'lon'], args: ['--sites', '3'] }] : []),
];

test.each(several)(
  'sites $sites: cut off and mended, they hold the same',
  { timeout: 180_000 },
  async ({ sites, args }) => {
    const told = await demo(...args, '--tasks', '200');
    expect(told).toMatchObject({ sites, converged: true, verified: true });
    const { completed = 0, ...others } = told['states'] as Record<string, number>;
    expect(others).toEqual({ aborted: 1, missed: 1 });
    // Some of them were recorded at each site, while it knew nothing of the others.
    expect([Number(told['tasks']) - completed, completed > 203]).toEqual([2, true]);
  },
);

test('an interrupted demo cleans up', { timeout: 60_000 }, async () => {
  const TMPDIR = await ownTemporary();
  const child = spawnCli(['demo'], { env: { TMPDIR } });
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  await firstLine(child);
  child.kill('SIGINT');
  expect((await exited)[0]).toBe(0);
  expect((await readdir(TMPDIR)).filter((name) => name.startsWith('taskledger-postgres-'))).toEqual([]);
});
