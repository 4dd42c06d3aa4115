import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { ledgerOnOwnServer } from '../support/own-server.ts';
import { spawnCli } from './run-cli.ts';

/** Resolves with the first line of the log that says this signal. */
function logged(stream: NodeJS.ReadableStream, msg: string): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    createInterface({ input: stream }).on('line', (line) => {
      if (line.includes(`"msg":"${msg}"`)) resolve(JSON.parse(line) as Record<string, unknown>);
    });
  });
}

test('run waits for a database that is away at its start, says so, and begins when it is back', async () => {
  const { server, ledger, url } = await ledgerOnOwnServer();
  const { id } = await ledger.submit('greetings.say', { name: 'Ada' });
  await server.kill();
  const child = spawnCli(['run', '--handlers', 'examples/first-task/tasks.mjs'], { url, env: { LOG_LEVEL: 'info' } });
  onTestFinished(() => void child.kill('SIGKILL'));
  const started = logged(child.stderr!, 'runner.started');
  expect(await logged(child.stderr!, 'connection.lost')).toMatchObject({ purpose: 'run' });
  await server.restart();
  await started;
  expect(await ledger.result(id, { timeoutMs: 10_000 })).toBeTruthy();
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
});
