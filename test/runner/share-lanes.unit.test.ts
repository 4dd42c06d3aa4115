import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Lane } from '../../src/ledger/claim.ts';
import { shareLanes } from '../../src/runner/share-lanes.ts';

const lane = (more: Partial<Lane> = {}): Lane => ({
  ...{ name: 'some.task', pin: '', queue: 'default', priority: 0, group: '' },
  ...{ from: '2026-01-01T00:10:00+00:00', from_id: 'a' },
  ...more,
});

/** What each lane gets of a thousand tasks, in the long run, when all have enough. */
function sharesOf(known: readonly Lane[], of: (given: Lane) => string, random = Math.random): Map<string, number> {
  const got = new Map<string, number>();
  const rounds = 400;
  for (let i = 0; i < rounds; i += 1) {
    let left = 1000;
    for (const given of shareLanes(known, random)) {
      const taken = Math.ceil(left * (given.share ?? 1) - 1e-6);
      left -= taken;
      got.set(of(given), (got.get(of(given)) ?? 0) + taken / rounds);
    }
  }
  return got;
}

test('a queue with fifty groups gets as much as one with a single group', () => {
  const groups = Array.from({ length: 50 }, (_, i) => lane({ queue: 'crowd', group: `g${i}` }));
  const got = sharesOf([...groups, lane({ queue: 'quiet' })], ({ queue }) => queue);
  expect(got.get('quiet')).toBeGreaterThan(450);
  expect(got.get('crowd')).toBeGreaterThan(450);
});

test('a group with many task names gets as much as one with a single name', () => {
  const names = Array.from({ length: 20 }, (_, i) => lane({ group: 'busy', name: `task.n${i}` }));
  const got = sharesOf([...names, lane({ group: 'small' })], ({ group }) => group);
  expect(got.get('small')).toBeGreaterThan(450);
});

test('each minute of waiting counts as one priority, and lanes of one level share', () => {
  const old = lane({ group: 'old', from: '2026-01-01T00:04:00+00:00' });
  const urgent = lane({ group: 'urgent', priority: 6 });
  const order = (priority: number): unknown[] =>
    shareLanes([lane({ group: 'urgent', priority }), old], () => 0.5).map(({ group, level, share }) => [
      group,
      level,
      share,
    ]);
  expect(order(7)).toEqual([
    ['urgent', 7, 1],
    ['old', 6, 1],
  ]);
  expect(order(5)).toEqual([
    ['old', 6, 1],
    ['urgent', 5, 1],
  ]);
  expect(shareLanes([urgent, old], () => 0.5).map(({ level }) => level)).toEqual([6, 6]);
});

test('whatever lanes there are, levels fall, shares are parts, and the last lane of a level may take all that is left', () => {
  const anyLane = fc
    .record({
      queue: fc.constantFrom('a', 'b'),
      group: fc.constantFrom('', 'x', 'y'),
      name: fc.constantFrom('n.a', 'n.b'),
      priority: fc.integer({ min: -2, max: 2 }),
      from: fc.constantFrom('2026-01-01T00:10:00+00:00', '2026-01-01T00:08:30.5+00:00'),
    })
    .map(lane);
  fc.assert(
    fc.property(
      fc.array(anyLane, { minLength: 1, maxLength: 30 }),
      fc.infiniteStream(fc.double({ min: 0, max: 0.99 })),
      (known, tickets) => {
        const shared = shareLanes(known, () => Number(tickets.next().value));
        expect(shared).toHaveLength(known.length);
        shared.forEach(({ level = 0, share = 1, priority }, i) => {
          expect(share).toBeGreaterThan(0);
          expect(share).toBeLessThanOrEqual(1);
          if (known.length > 1) expect(level).toBeGreaterThanOrEqual(priority);
          const next = shared[i + 1];
          if (known.length > 1 && next?.level !== level) expect(share).toBeCloseTo(1, 9);
          if (next !== undefined) expect(next.level).toBeLessThanOrEqual(level);
        });
      },
    ),
  );
});
