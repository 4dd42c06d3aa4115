import { expect, test } from 'vitest';
import type { Lease } from '../../src/ledger/claim.ts';
import { Lanes } from '../../src/runner/lanes.ts';
import { FakeClock, leaseOf } from './fakes.ts';

const at = (ms: number): string => `2026-01-01T00:00:00.${String(ms).padStart(3, '0')}+00:00`;

const lane = (name: string, priority: number, ms: number, taskId = 'a'): Lease =>
  leaseOf(taskId, { runAt: at(ms) }, { name, priority });

/** Lanes that have just looked everywhere, twice for 10 ms, and found these leases, as many as were asked for. */
function having(...leases: Lease[]): { readonly lanes: Lanes; readonly clock: FakeClock } {
  const clock = new FakeClock();
  const lanes = new Lanes(clock, () => 0.5);
  lanes.learn({ lanes: undefined, leases: [], asked: 0, tookMs: 10 });
  lanes.learn({ lanes: undefined, leases, asked: leases.length, tookMs: 10 });
  return { lanes, clock };
}

test('the first look is everywhere, also when a doorbell rings', () => {
  const lanes = new Lanes(new FakeClock(), () => 0.5);
  expect(lanes.next(false).lanes).toBeUndefined();
  expect(lanes.next(true).lanes).toBeUndefined();
});

test('while the known lanes give all that is asked, everything is looked at once a second', async () => {
  const { lanes, clock } = having(lane('some.task', 0, 0));
  await clock.advance(999);
  expect(lanes.next(false).lanes).toHaveLength(1);
  await clock.advance(1);
  expect(lanes.next(false).lanes).toBeUndefined();
});

test('when they have run dry, everything is looked at again, but only for a twentieth of the time', async () => {
  const { lanes, clock } = having(lane('some.task', 0, 0));
  lanes.learn({ lanes: lanes.next(false).lanes, leases: [], asked: 5, tookMs: 1 });
  expect(lanes.widerLookInMs()).toBe(200);
  await clock.advance(199);
  expect(lanes.next(false).lanes).toHaveLength(1);
  await clock.advance(1);
  expect(lanes.next(false).lanes).toBeUndefined();
});

test('one slow look everywhere does not put off the next one, two do', () => {
  const { lanes } = having(lane('some.task', 0, 0));
  lanes.learn({ lanes: undefined, leases: [], asked: 5, tookMs: 500 });
  expect(lanes.widerLookInMs()).toBe(200);
  lanes.learn({ lanes: undefined, leases: [], asked: 5, tookMs: 400 });
  expect(lanes.widerLookInMs()).toBe(8000);
});

test('after a doorbell the known lanes are looked at first', async () => {
  const { lanes, clock } = having(lane('some.task', 0, 0));
  await clock.advance(5000);
  expect(lanes.next(true).lanes).toHaveLength(1);
  expect(lanes.next(false).lanes).toBeUndefined();
});

/** After an answer that took 1 ms, of a look at everything. */
const looked = { lanes: undefined, tookMs: 1, againMs: undefined, rings: false };

test('while submissions do not ring, looks follow after as long as nothing has come, until they are left to polls', async () => {
  const { lanes, clock } = having(lane('some.task', 0, 0));
  const pauses: number[] = [];
  for (let ms = lanes.lookAgainInMs(looked); ms !== undefined; ms = lanes.lookAgainInMs(looked)) {
    pauses.push(ms);
    await clock.advance(ms);
  }
  expect(pauses).toEqual([5, 5, 10, 20, 40, 80]);
  lanes.learn({ lanes: [], leases: [lane('some.task', 0, 1)], asked: 5, tookMs: 1 });
  expect(lanes.lookAgainInMs({ ...looked, rings: true })).toBeUndefined();
  expect(lanes.lookAgainInMs(looked)).toBe(5);
});

test('such looks take a quarter of the time at most, and put off nothing that was to come earlier', async () => {
  const { lanes, clock } = having(lane('some.task', 0, 0));
  expect(lanes.lookAgainInMs({ ...looked, tookMs: 30 })).toBe(120);
  expect(lanes.lookAgainInMs({ ...looked, againMs: 3 })).toBe(3);
  expect(lanes.lookAgainInMs({ ...looked, againMs: 500 })).toBe(5);
  lanes.learn({ lanes: [], leases: [], asked: 5, tookMs: 1 });
  expect(lanes.lookAgainInMs({ ...looked, lanes: [] })).toBe(5);
  await clock.advance(101);
  expect(lanes.lookAgainInMs({ ...looked, lanes: [] })).toBe(99);
});

test('it is quiet once nothing has come for 10 ms', async () => {
  const { lanes, clock } = having(lane('some.task', 0, 0));
  await clock.advance(9);
  lanes.learn({ lanes: [], leases: [], asked: 5, tookMs: 1 });
  expect(lanes.quiet).toBe(false);
  await clock.advance(1);
  expect(lanes.quiet).toBe(true);
});

test('a low-water mark only grows, by start time and then by id', () => {
  const { lanes } = having(lane('some.task', 0, 5, 'b'));
  const mark = (): unknown => lanes.next(false).lanes?.map(({ from, from_id }) => [from, from_id]);
  expect(mark()).toEqual([[at(5), 'b']]);
  lanes.learn({ lanes: [], leases: [lane('some.task', 0, 4, 'z'), lane('some.task', 0, 5, 'a')], asked: 2, tookMs: 1 });
  expect(mark()).toEqual([[at(5), 'b']]);
  lanes.learn({ lanes: [], leases: [lane('some.task', 0, 5, 'c')], asked: 1, tookMs: 1 });
  expect(mark()).toEqual([[at(5), 'c']]);
  lanes.learn({ lanes: [], leases: [lane('some.task', 0, 6, 'a'), lane('some.task', 0, 5, 'z')], asked: 2, tookMs: 1 });
  expect(mark()).toEqual([[at(6), 'a']]);
});

test('times as the ledger writes them, without trailing zeros, are in order as texts', () => {
  const times = ['00:00:00', '00:00:00.04', '00:00:00.5', '00:00:00.51', '00:00:00.512', '00:00:01'];
  const texts = times.map((time) => `2026-01-01T${time}+00:00`);
  expect([...texts].sort()).toEqual(texts);
});

test('lanes come by priority, and those of one priority share evenly', () => {
  const tickets = [0.9, 0.1, 0.5, 0.2];
  const lanes = new Lanes(new FakeClock(), () => tickets.shift() ?? 0);
  const leases = [lane('a.task', 0, 1), lane('b.task', 5, 1), lane('c.task', 0, 1), lane('d.task', 0, 1)];
  lanes.learn({ lanes: undefined, leases, asked: 4, tookMs: 1 });
  expect(lanes.next(false).lanes?.map(({ name, priority, share }) => [name, priority, share?.toFixed(3)])).toEqual([
    ['b.task', 5, '1.000'],
    ['d.task', 0, '0.333'],
    ['c.task', 0, '0.500'],
    ['a.task', 0, '1.000'],
  ]);
});

test('queues, priorities, groups and pins of one name are lanes of their own', () => {
  const { lanes } = having(
    lane('some.task', 0, 1),
    lane('some.task', 1, 1),
    leaseOf('a', { runAt: at(1) }, { queue: 'other' }),
    leaseOf('a', { runAt: at(1) }, { group: 'acme' }),
    leaseOf('a', { runAt: at(1) }, { plugin: '^2' }),
  );
  expect(lanes.next(false).lanes).toHaveLength(5);
  expect(
    lanes
      .next(false)
      .lanes?.map(({ pin, group }) => [pin, group])
      .sort(),
  ).toEqual([
    ['', ''],
    ['', ''],
    ['', ''],
    ['', 'acme'],
    ['^2', ''],
  ]);
});

test('a claim names a hundred lanes, and past a thousand known ones they are forgotten at the next look everywhere', () => {
  const many = Array.from({ length: 1001 }, (_, i) => leaseOf('a', {}, { queue: `q${i}` }));
  const { lanes } = having(...many);
  expect(lanes.next(false).lanes).toHaveLength(100);
  lanes.learn({ lanes: undefined, leases: [lane('some.task', 0, 1)], asked: 1, tookMs: 1 });
  expect(lanes.next(false).lanes).toHaveLength(1);
});

test('of many lanes those that gave nothing are not looked at again before everything is', () => {
  const many = Array.from({ length: 101 }, (_, i) => leaseOf('a', {}, { group: `g${i}` }));
  const { lanes } = having(...many);
  const looked = lanes.next(false).lanes;
  lanes.learn({ lanes: looked, leases: [], asked: 5, tookMs: 1 });
  expect(lanes.next(false).lanes).toHaveLength(1);
});

test('a look at everything begins where the last one had too many groups', async () => {
  const { lanes, clock } = having(lane('some.task', 0, 0));
  await clock.advance(5000);
  expect(lanes.next(false)).toEqual({ afterGroup: '' });
  lanes.learn({ lanes: undefined, leases: [], asked: 5, tookMs: 1, nextGroup: 'm' });
  await clock.advance(5000);
  expect(lanes.next(false)).toEqual({ afterGroup: 'm' });
});
