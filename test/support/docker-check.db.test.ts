import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { chooseTestServer } from './test-server.ts';

async function dockerThat(answers: RequestListener): Promise<NodeJS.ProcessEnv> {
  const engine = createServer(answers).listen(0, '127.0.0.1');
  onTestFinished(() => {
    engine.close();
    engine.closeAllConnections();
  });
  await once(engine, 'listening');
  return { DOCKER_HOST: `tcp://127.0.0.1:${(engine.address() as AddressInfo).port}` };
}

test('a Docker engine that answers is used', async () => {
  const env = await dockerThat((_, response) => {
    response.end('OK');
  });
  expect(await chooseTestServer(env)).toBe('testcontainers');
});

test('a Docker engine that says nothing is not waited for', async () => {
  const env = await dockerThat(() => undefined);
  const before = performance.now();
  expect(await chooseTestServer(env)).toBe('embedded');
  expect(performance.now() - before).toBeLessThan(2_500);
});
