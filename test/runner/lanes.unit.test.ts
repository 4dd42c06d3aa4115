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
  lanes.learn({ lanes: undefined, leases: [], asked: 5, tookMs: 240 });
  expect(lanes.widerLookInMs()).toBe(4800);
});

test('more lanes than a claim names are looked at everywhere however long that takes, for a twentieth of the time', async () => {
  const { lanes, clock } = having(...Array.from({ length: 101 }, (_, i) => leaseOf('a', {}, { group: `g${i}` })));
  lanes.learn({ lanes: undefined, leases: [], asked: 5, tookMs: 500 });
  expect(lanes.widerLookInMs()).toBe(200);
  lanes.learn({ lanes: undefined, leases: [], asked: 5, tookMs: 400 });
  expect(lanes.widerLookInMs()).toBe(8000);
  await clock.advance(8000);
  expect(lanes.next(false)).toEqual({ afterGroup: '' });
});

test('a second look is not begun while one is under way, unless there is nothing else to look at', async () => {
  const { lanes, clock } = having(lane('some.task', 0, 0));
  await clock.advance(5000);
  expect(lanes.next(false).lanes).toBeUndefined();
  expect(lanes.next(false).lanes).toHaveLength(1);
  lanes.failed({ lanes: undefined });
  expect(lanes.next(false).lanes).toBeUndefined();
});

/** Lanes for which a look everywhere has taken 5 s, with marks at 10:00:00 and 10:00:10. */
function dear(): { readonly lanes: Lanes; readonly clock: FakeClock } {
  const marks = ['10:00:00', '10:00:10'].map((time, i) =>
    leaseOf(`${i}`, { runAt: `2026-01-01T${time}+00:00` }, { name: `task.${i}` }),
  );
  const { lanes, clock } = having(...marks);
  lanes.learn({ lanes: undefined, leases: [], asked: 0, tookMs: 5000 });
  return { lanes, clock };
}

/** What the next wider look takes of what lies behind the marks, by lane; it then took so long. */
async function part({ lanes, clock }: ReturnType<typeof dear>, tookMs: number): Promise<unknown> {
  await clock.advance(Math.max(0, lanes.widerLookInMs()));
  const looked = lanes.next(false);
  lanes.learn({ ...looked, leases: [], asked: 0, tookMs });
  const time = (text: string): string => text.replace(/^.*T|Z$/g, '');
  const parts = (looked.lanes ?? []).filter(({ from_id: id }) => id.startsWith('0000'));
  return [looked.wider, parts.map((each) => [each.name, time(each.from), each.until && time(each.until)]).sort()];
}

test('where a look at everything is dear, it is taken in parts: by turns the last moments and, going back, the rest', async () => {
  const at = dear();
  const none = undefined;
  expect(await part(at, 10)).toEqual([
    true,
    [
      ['task.0', '09:59:59.000', none],
      ['task.1', '10:00:09.000', none],
    ],
  ]);
  // What lies before the mark of the other lane comes later.
  expect(await part(at, 10)).toEqual([true, [['task.1', '10:00:09.000', '10:00:10.000']]]);
  // Four times as long, since that was cheap.
  expect(await part(at, 1000)).toEqual([
    true,
    [
      ['task.0', '09:59:56.000', none],
      ['task.1', '10:00:06.000', none],
    ],
  ]);
  expect(await part(at, 200)).toEqual([true, [['task.1', '10:00:05.000', '10:00:09.000']]]);
  // Half as long, since that was dear.
  expect(await part(at, 200)).toEqual([
    true,
    [
      ['task.0', '09:59:58.000', none],
      ['task.1', '10:00:08.000', none],
    ],
  ]);
  // As long as before.
  expect(await part(at, 10)).toEqual([true, [['task.1', '10:00:01.000', '10:00:05.000']]]);
  await part(at, 200);
  expect(await part(at, 10)).toEqual([
    true,
    [
      ['task.0', '09:59:45.000', '10:00:00.000'],
      ['task.1', '09:59:45.000', '10:00:01.000'],
    ],
  ]);
});

test('the parts reach the start of the lanes and begin anew; once a day of last moments is cheap, they are over', async () => {
  const at = dear();
  const fars: string[] = [];
  for (let i = 0; i < 40; i += 1) {
    const [, parts] = (await part(at, i % 2 === 0 ? 1000 : 10)) as [unknown, string[][]];
    if (i % 2 === 1) fars.push(parts.map(([, from]) => from).join(' '));
  }
  const starts = fars.flatMap((from, i) => (from.includes('-infinity') ? [i] : []));
  expect(starts[0]).toBe(9);
  expect(fars[starts[0]! + 1]).toBe('10:00:09.900');
  let looks = 0;
  for (; looks < 100 && ((await part(at, 10)) as unknown[])[0] === true; looks += 1);
  expect(looks).toBeGreaterThan(10);
  expect(looks).toBeLessThan(40);
});

test('two looks of 0.4 s are dear, or one of seconds; what is looked at next comes after a second, and parts take a twentieth', async () => {
  const { lanes, clock } = having(lane('some.task', 0, 0));
  const looks = async (tookMs: number): Promise<boolean> => {
    await clock.advance(60_000);
    const looked = lanes.next(false);
    lanes.learn({ ...looked, leases: [], asked: 0, tookMs });
    return looked.wider ?? false;
  };
  expect([await looks(400), await looks(400), await looks(200), await looks(200)]).toEqual([false, false, true, true]);
  expect(lanes.widerLookInMs()).toBe(4000);
  expect(dear().lanes.widerLookInMs()).toBe(1000);
});

test('leases that were given back at once are found again from where they begin, and move no mark', () => {
  const { lanes } = having(lane('some.task', 0, 5));
  lanes.gaveBack([lane('some.task', 0, 3), lane('other.task', 0, 6, 'b'), lane('other.task', 0, 7, 'c')]);
  const marks = lanes
    .next(false)
    .lanes?.map(({ name, from, from_id: id }) => [name, from, id])
    .sort();
  expect(marks).toEqual([
    ['other.task', at(6), '00000000-0000-0000-0000-000000000000'],
    ['some.task', at(5), 'a'],
  ]);
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
