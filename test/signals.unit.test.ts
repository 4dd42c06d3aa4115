import { expect, test } from 'vitest';
import { createSignals, type Signal } from '../src/signals.ts';

test('every subscriber hears every signal until it unsubscribes', () => {
  const signals = createSignals();
  const heard: Signal[] = [];
  const unsubscribe = signals.subscribe((signal) => heard.push(signal));
  signals.emit('postgres.stopped', { port: 1 });
  unsubscribe();
  unsubscribe();
  signals.emit('postgres.stopped', { port: 2 });
  expect(heard).toEqual([{ name: 'postgres.stopped', data: { port: 1 } }]);
});

test('a subscriber that throws is dropped, and harms neither the work nor the others', () => {
  const signals = createSignals();
  let calls = 0;
  const heard: Signal[] = [];
  signals.subscribe(() => {
    calls += 1;
    throw new Error('a bug of the subscriber');
  });
  signals.subscribe((signal) => heard.push(signal));
  expect(() => {
    signals.emit('postgres.stopped', { port: 1 });
    signals.emit('postgres.stopped', { port: 2 });
  }).not.toThrow();
  expect(calls).toBe(1);
  expect(heard).toHaveLength(2);
});

test('it is active while somebody listens', async () => {
  const signals = createSignals();
  expect(signals.active).toBe(false);
  const unsubscribe = signals.subscribe(() => undefined);
  expect(signals.active).toBe(true);
  unsubscribe();
  expect(signals.active).toBe(false);
  const next = signals.next('runner.woken');
  expect(signals.active).toBe(true);
  signals.emit('runner.woken', { runner: 'r' });
  await next;
  expect(signals.active).toBe(false);
});

test('next is the first signal of its name that is agreed to, from now on', async () => {
  const signals = createSignals();
  signals.emit('postgres.stopped', { port: 7 });
  const next = signals.next('postgres.stopped', ({ port }) => port > 5);
  signals.emit('runner.woken', { runner: 'r' });
  signals.emit('postgres.stopped', { port: 5 });
  signals.emit('postgres.stopped', { port: 6 });
  signals.emit('postgres.stopped', { port: 8 });
  expect(await next).toEqual({ port: 6 });
});

test('a subscriber may unsubscribe itself or another one while a signal goes round', () => {
  const signals = createSignals();
  const heard: string[] = [];
  const first = signals.subscribe(() => {
    heard.push('first');
    first();
    second();
  });
  const second = signals.subscribe(() => heard.push('second'));
  signals.subscribe(() => heard.push('third'));
  signals.emit('runner.woken', { runner: 'r' });
  signals.emit('runner.woken', { runner: 'r' });
  expect(heard).toEqual(['first', 'third', 'third']);
});
