import { expect, test } from 'vitest';
import { keepServer } from '../../src/cli/keep-server.ts';
import { systemClock } from '../../src/clock.ts';
import { LedgerError } from '../../src/errors.ts';
import type { EmbeddedPostgres } from '../../src/postgres/embedded/embedded-server.ts';
import { createSignals } from '../../src/signals.ts';

const port = 5499;
const clock = { ...systemClock, sleep: () => Promise.resolve() };
const full = new LedgerError('TASKLEDGER_EMBEDDED_FAILED', { expected: 'room', found: 'none', remedy: 'Make some' });

/** A server of which only the restarts are seen; the first ones may fail. */
function fakeServer(failures = 0) {
  const signals = createSignals();
  const restarts: string[] = [];
  let done = (): void => undefined;
  const isBack = new Promise<void>((resolve) => (done = resolve));
  const restart = async (): Promise<void> => {
    restarts.push('restart');
    if (restarts.length <= failures) throw full;
    done();
  };
  return { server: { port, restart } as EmbeddedPostgres, signals, restarts, isBack };
}

test('a server that ended by itself is started again; one on another port is not ours', async () => {
  const { server, signals, restarts, isBack } = fakeServer();
  const kept = keepServer(server, { clock, signals });
  signals.emit('postgres.stopped', { port: port + 1 });
  expect(restarts).toHaveLength(0);
  signals.emit('postgres.stopped', { port });
  await isBack;
  await kept.release();
  expect(restarts).toHaveLength(1);
});

test('a restart that fails is told, and tried again until it works', async () => {
  const { server, signals, restarts, isBack } = fakeServer(2);
  const told: unknown[] = [];
  signals.subscribe(({ name, data }) => name === 'service.failed' && told.push(data));
  const kept = keepServer(server, { clock, signals });
  signals.emit('postgres.stopped', { port });
  await isBack;
  await kept.release();
  expect(restarts).toHaveLength(3);
  const failed = { service: 'postgres', code: 'TASKLEDGER_EMBEDDED_FAILED', retryInMs: 1000 };
  expect(told).toEqual([failed, failed]);
});

test('once released it lets the server end, also while restarts fail', async () => {
  const { server, signals, restarts } = fakeServer(Number.POSITIVE_INFINITY);
  const kept = keepServer(server, { clock, signals });
  const failed = signals.next('service.failed');
  signals.emit('postgres.stopped', { port });
  await failed;
  await kept.release();
  const before = restarts.length;
  signals.emit('postgres.stopped', { port });
  expect(restarts).toHaveLength(before);
});
