import { expect, test } from 'vitest';
import type { Clock } from '../../src/clock.ts';
import { Daemon } from '../../src/daemon/daemon.ts';
import type { Service } from '../../src/daemon/service.ts';
import { createSignals, type Signal } from '../../src/signals.ts';

/** A clock whose sleeps end at once and are written down; `until` of them, and it stands still. */
function quickClock(until: number): { clock: Clock; sleeps: number[]; stoodStill: Promise<void> } {
  const sleeps: number[] = [];
  let still: () => void = () => undefined;
  const stoodStill = new Promise<void>((resolve) => (still = resolve));
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    sleeps.push(ms);
    if (sleeps.length < until || signal?.aborted === true) return Promise.resolve();
    still();
    return new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true }));
  };
  return { clock: { now: () => 0, monotonic: () => 0, sleep }, sleeps, stoodStill };
}

function daemonOf(services: readonly Service[], clock: Clock, random = 1): { daemon: Daemon; told: Signal[] } {
  const signals = createSignals();
  const told: Signal[] = [];
  signals.subscribe((signal) => told.push(signal));
  return { daemon: new Daemon({ site: 'ams', services, clock, signals, random: () => random }), told };
}

const ticking = (name: string, runOnce: () => Promise<unknown>): Service => ({ name, everyMs: 10, runOnce });

test('a service that fails is tried again after pauses that double up to 15 s, and each failure is told', async () => {
  const { clock, sleeps, stoodStill } = quickClock(7);
  const away = ticking('seal', () => Promise.reject(Object.assign(new Error('away'), { code: 'ECONNREFUSED' })));
  const { daemon, told } = daemonOf([away], clock);
  daemon.start();
  await stoodStill;
  expect(sleeps).toEqual([1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  expect(told.filter(({ name }) => name === 'service.failed')[1]).toEqual({
    name: 'service.failed',
    data: { service: 'seal', code: 'ECONNREFUSED', retryInMs: 2000 },
  });
  await daemon.stop();
});

test('a run that succeeds again is told, and the next failure begins with the shortest pause', async () => {
  const { clock, sleeps, stoodStill } = quickClock(4);
  const outcomes = ['fails', 'fails', 'works', 'fails'];
  const unsteady = ticking('seal', () =>
    outcomes.shift() === 'works' ? Promise.resolve() : Promise.reject(new Error('no')),
  );
  const { daemon, told } = daemonOf([unsteady], clock, 0);
  daemon.start();
  await stoodStill;
  expect(sleeps).toEqual([500, 1000, 10, 500]);
  expect(told.filter(({ name }) => name === 'service.recovered')).toEqual([
    { name: 'service.recovered', data: { service: 'seal', failures: 2 } },
  ]);
  await daemon.stop();
});

test('a service that fails, or never ends, does not keep another from running', async () => {
  const { clock, stoodStill } = quickClock(20);
  let runs = 0;
  let release: () => void = () => undefined;
  const hangs = new Promise<void>((resolve) => (release = resolve));
  const { daemon } = daemonOf(
    [
      ticking('fails', () => Promise.reject(new Error('always'))),
      ticking('hangs', () => hangs),
      ticking('works', async () => (runs += 1)),
    ],
    clock,
  );
  daemon.start();
  await stoodStill;
  expect(runs).toBeGreaterThan(5);
  release();
  await daemon.stop();
});

test('stopping before starting, twice, and starting twice are fine; a stop waits for the run under way', async () => {
  const { clock } = quickClock(1);
  let ended = false;
  let finish: () => void = () => undefined;
  const underWay = new Promise<void>((resolve) => (finish = resolve)).then(() => (ended = true));
  const { daemon, told } = daemonOf([ticking('slow', () => underWay)], clock);
  await daemon.stop();
  daemon.start();
  daemon.start();
  const stopping = Promise.all([daemon.stop(), daemon.stop()]);
  expect(ended).toBe(false);
  finish();
  await stopping;
  expect(ended).toBe(true);
  expect(told.map(({ name }) => name)).toEqual(['daemon.started', 'daemon.stopped']);
});

test('one run of everything at once fails with the first failure, after all have ended', async () => {
  const { clock } = quickClock(1);
  const done: string[] = [];
  const { daemon } = daemonOf(
    [ticking('fails', () => Promise.reject(new Error('first'))), ticking('works', async () => done.push('works'))],
    clock,
  );
  await expect(daemon.runOnce()).rejects.toThrow('first');
  expect(done).toEqual(['works']);
});
