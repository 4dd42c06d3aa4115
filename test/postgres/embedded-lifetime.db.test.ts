import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { processStart } from '../../src/postgres/embedded/process-identity.ts';
import { startEmbeddedPostgres } from '../../src/postgres/embedded/start-embedded-postgres.ts';
import { createSignals } from '../../src/signals.ts';
import { spawnStarter } from '../support/starter-process.ts';
import type { StartedServer, StarterOptions, StarterProcess } from '../support/starter-process.ts';

const entry = fileURLToPath(new URL('../../dist/postgres/embedded/start-embedded-postgres.js', import.meta.url));
const soon = { timeout: 10_000, interval: 50 };

async function started(options: Partial<StarterOptions> = {}): Promise<StarterProcess & { server: StartedServer }> {
  const starter = spawnStarter({ entry, ...options });
  onTestFinished(() => void starter.child.kill('SIGKILL'));
  await starter.line();
  const [server] = await starter.line<StartedServer[]>();
  if (server === undefined) throw new Error('no server');
  return { ...starter, server };
}

async function expectNothingLeft({ pid, dataDir }: StartedServer): Promise<void> {
  await expect.poll(() => [processStart(pid), existsSync(dataDir)], soon).toEqual([undefined, false]);
}

const parentOf = (pid: number): number =>
  Number(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' }));

test.for(['SIGINT', 'SIGTERM', 'SIGKILL', 'SIGHUP'] as const)(
  'nothing outlives a starter that dies of %s',
  async (signal) => {
    const { child, exited, server } = await started();
    child.kill(signal);
    // The signal itself is none of our business: it does what it always does.
    expect(await exited).toEqual([null, signal]);
    await expectNothingLeft(server);
  },
);

test.for([
  { how: 'comes to its end', then: '', code: 0 },
  { how: 'calls process.exit', then: 'process.exit(7)', code: 7 },
  { how: 'throws', then: "throw new Error('thrown on purpose')", code: 1 },
])('nothing outlives a starter that $how', async ({ then, code }) => {
  const { exited, server } = await started({ then });
  expect(await exited).toEqual([code, null]);
  await expectNothingLeft(server);
});

test('nothing outlives a starter that is killed while it makes the cluster', async () => {
  const place = await mkdtemp(join(tmpdir(), 'taskledger-test-'));
  onTestFinished(() => rm(place, { recursive: true, force: true }));
  await chmod(place, 0o1777);
  const { child, exited, line } = spawnStarter({ entry, tmpdir: place });
  await line();
  const made = async (): Promise<string[]> => await readdir(place, { recursive: true });
  await expect.poll(async () => (await made()).some((path) => path.includes('data.new/')), soon).toBe(true);
  child.kill('SIGKILL');
  await exited;
  await expect.poll(made, soon).toEqual([]);
});

test('Ctrl-C does not reach the server, so that its starter can finish first', async () => {
  const then = `process.on('SIGINT', async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      console.log(JSON.stringify(servers[0].running));
      await servers[0].stop();
    }); setInterval(() => undefined, 1_000).unref(); const { createServer } = await import('node:net');
    const hold = createServer().listen(0, '127.0.0.1'); process.on('SIGINT', () => hold.close()); console.log('"listening"');`;
  const { child, exited, line, server } = await started({ then, detached: true });
  // Before that, the signal would end it.
  expect(await line()).toBe('listening');
  process.kill(-(child.pid ?? 0), 'SIGINT');
  expect(await line()).toBe(true);
  expect(await exited).toEqual([0, null]);
  await expectNothingLeft(server);
});

test('a server whose guard was killed does not live on', async () => {
  const { child, server } = await started();
  process.kill(parentOf(server.pid), 'SIGKILL');
  await expect.poll(() => processStart(server.pid), soon).toBeUndefined();
  child.kill('SIGKILL');
});

test('what starter and guard left behind when both were killed, the next start removes', async () => {
  const { child, exited, server } = await started();
  const guard = parentOf(server.pid);
  // Stopped first, so that neither can act on the end of the other.
  child.kill('SIGSTOP');
  process.kill(guard, 'SIGSTOP');
  process.kill(guard, 'SIGKILL');
  child.kill('SIGKILL');
  await exited;
  expect([processStart(server.pid) === undefined, existsSync(server.dataDir)]).toEqual([false, true]);
  const signals = createSignals();
  const removed = signals.next('postgres.leftover_removed', ({ dataDir }) => dataDir === server.dataDir);
  const next = await startEmbeddedPostgres({ signals });
  await next.stop('immediate');
  await removed;
  await expectNothingLeft(server);
});

test('a kept data directory whose starter and guard were killed is taken over by the next start', async () => {
  const dataDir = join(await mkdtemp(join(tmpdir(), 'taskledger-test-')), 'kept');
  onTestFinished(() => rm(join(dataDir, '..'), { recursive: true, force: true }));
  await chmod(join(dataDir, '..'), 0o755);
  const { child, exited, server } = await started({ options: { dataDir } });
  const guard = parentOf(server.pid);
  process.kill(guard, 'SIGSTOP');
  process.kill(guard, 'SIGKILL');
  child.kill('SIGKILL');
  await exited;
  const next = await startEmbeddedPostgres({ dataDir });
  expect(processStart(server.pid)).toBeUndefined();
  expect(next.url).toBe(server.url);
  await next.stop();
});
