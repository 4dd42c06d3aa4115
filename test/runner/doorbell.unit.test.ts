import { expect, test } from 'vitest';
import { Doorbell } from '../../src/runner/doorbell.ts';
import { createSignals } from '../../src/signals.ts';
import { allCaughtUp, deferred, FakeClock } from './fakes.ts';

/** A doorbell that does not listen: only what it does about arming. */
function doorbell(arm: () => Promise<void> = () => Promise.resolve()) {
  const clock = new FakeClock();
  const armed: number[] = [];
  let rings = 0;
  const bell = new Doorbell({
    connectionString: 'postgres://nobody@127.0.0.1:1/none',
    applicationName: 'test',
    isOurs: (name) => name === 'some.task',
    clock,
    signals: createSignals(),
    arm: (forMs) => {
      armed.push(forMs);
      return arm();
    },
    onRing: () => (rings += 1),
    onAbort: () => undefined,
    onWatch: () => undefined,
  });
  const hear = async (...claims: readonly ('idle' | 'busy')[]): Promise<void> => {
    for (const claim of claims) bell.heard(claim === 'idle');
    await allCaughtUp();
  };
  return { bell, clock, armed, hear, rings: () => rings };
}

test('it is armed for ten seconds after three empty claims in a row', async () => {
  const { armed, hear } = doorbell();
  await hear('idle', 'idle', 'busy', 'idle', 'idle');
  expect(armed).toEqual([]);
  await hear('idle');
  expect(armed).toEqual([10_000]);
});

test('it says that it is armed until it lapses, or there are other names', async () => {
  const { bell, clock, hear } = doorbell();
  expect(bell.armed).toBe(false);
  await hear('idle', 'idle', 'idle');
  await clock.advance(9999);
  expect(bell.armed).toBe(true);
  await clock.advance(1);
  expect(bell.armed).toBe(false);
  await hear('idle', 'idle', 'idle');
  expect(bell.armed).toBe(true);
  bell.renew();
  expect(bell.armed).toBe(false);
});

test('once armed it rings, for what was submitted before', async () => {
  const { hear, rings } = doorbell();
  await hear('idle', 'idle', 'idle');
  expect(rings()).toBe(1);
});

test('while nothing is to be done it is armed again halfway, without ringing', async () => {
  const { clock, armed, hear, rings } = doorbell();
  await hear('idle', 'idle', 'idle', 'idle', 'idle');
  await clock.advance(4999);
  await hear('idle');
  expect(armed).toHaveLength(1);
  await clock.advance(1);
  await hear('idle');
  expect(armed).toHaveLength(2);
  expect(rings()).toBe(1);
});

test('a busy runner lets it lapse; armed anew, it rings again', async () => {
  const { clock, armed, hear, rings } = doorbell();
  await hear('idle', 'idle', 'idle', 'busy');
  await clock.advance(10_001);
  await hear('busy', 'idle', 'idle');
  expect(armed).toHaveLength(1);
  await hear('idle');
  expect(armed).toHaveLength(2);
  expect(rings()).toBe(2);
});

test('it is armed once at a time, and again after a failure', async () => {
  const away = deferred<undefined>();
  const answers = [away.promise, Promise.resolve()];
  const { armed, hear, rings } = doorbell(async () => answers.shift());
  await hear('idle', 'idle', 'idle', 'idle', 'idle');
  expect(armed).toHaveLength(1);
  away.reject(new Error('away'));
  await allCaughtUp();
  expect(rings()).toBe(0);
  await hear('idle');
  expect(armed).toHaveLength(2);
  expect(rings()).toBe(1);
});
