import { expect, test } from 'vitest';
import { submit } from '../events/lives.ts';
import { history, step } from '../events/sample-events.ts';
import { effectsByTask, unexplainedEffects, type Effect } from './effects.ts';

const under = (leaseVersion: number): Effect => ({ runner: 'r', taskId: 't', leaseVersion });
const secondLease = step('task.leased', { attempt: 2 });
const lostOnce = history([submit(), step('task.leased'), step('task.lease_expired'), secondLease]);

test('a run under each lease is explained when the first one was lost, and so is no run at all', () => {
  expect(unexplainedEffects(lostOnce, [])).toEqual([]);
  expect(unexplainedEffects(lostOnce, [under(4), under(2)])).toEqual([]);
});

test('a run twice under one lease, or under one nobody granted, is not explained', () => {
  expect(unexplainedEffects(lostOnce, [under(2), under(2)])).toEqual(['it ran twice under lease 2']);
  expect(unexplainedEffects(lostOnce, [under(3)])).toEqual(['it ran under lease 3, which nobody was granted']);
});

test('a second run that no lost lease or failed attempt lies before is not explained', () => {
  const [first, , , second] = lostOnce;
  const untold = [first!, { ...second!, version: 2 } as typeof second, second!].map((event) => event!);
  expect(unexplainedEffects(untold, [under(2), under(4)])).toEqual([
    'it ran under lease 2 and again under 4, and nothing says why',
  ]);
});

test('a protected task may run once, whatever its history says', () => {
  const told = [{ ...history([submit({ protected: true })])[0]!, version: 1 }, ...lostOnce.slice(1)] as typeof lostOnce;
  expect(unexplainedEffects(told, [under(2)])).toEqual([]);
  expect(unexplainedEffects(told, [under(2), under(4)])).toEqual(['a protected task ran 2 times']);
});

test('the lines of an effects file are told apart by task', () => {
  const byTask = effectsByTask(['r1 a 2', 'r1 b 2', 'r2 a 4 more']);
  expect(byTask.get('a')).toEqual([
    { runner: 'r1', taskId: 'a', leaseVersion: 2 },
    { runner: 'r2', taskId: 'a', leaseVersion: 4 },
  ]);
  expect([...byTask.keys()]).toEqual(['a', 'b']);
});
