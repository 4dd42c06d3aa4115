import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import type { HeldClaim } from '../../src/ledger/settle.ts';
import { claimsOn, LeaseBoard } from '../../src/runner/lease-board.ts';

const longestBigint = '9223372036854775807';

const claim = (id: number): HeldClaim => ({ claimId: String(id), secret: `${id}-secret`.repeat(3).slice(0, 36) });
const byId = (a: HeldClaim, b: HeldClaim): number => Number(a.claimId) - Number(b.claimId);
const seenOn = (board: LeaseBoard): HeldClaim[] => claimsOn(board.memory).sort(byId);

/** Runs `meanwhile` just before the nth call of this function of Atomics that `work` makes; false if there are fewer. */
function interrupting(name: 'load' | 'store' | 'add', n: number, work: () => void, meanwhile: () => void): boolean {
  let calls = 0;
  const really = Atomics[name].bind(Atomics) as (...args: unknown[]) => unknown;
  const spy = vi.spyOn(Atomics, name).mockImplementation(((...args: unknown[]) => {
    calls += 1;
    if (calls === n) meanwhile();
    return really(...args);
  }) as never);
  try {
    work();
  } finally {
    spy.mockRestore();
  }
  return calls >= n;
}

test('what is held stands on the board, whatever was held and dropped before', () => {
  const step = fc.record({ id: fc.integer({ min: 1, max: 300 }), hold: fc.boolean(), times: fc.nat(200) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const board = new LeaseBoard();
      const expected = new Set<number>();
      for (const { id, hold, times } of steps) {
        for (let i = id; i <= id + times; i += 1) {
          if (hold) board.hold(claim(i));
          else board.drop(String(i));
          if (hold) expected.add(i);
          else expected.delete(i);
        }
      }
      expect(seenOn(board)).toEqual([...expected].map(claim).sort(byId));
    }),
    { numRuns: 50 },
  );
});

test('a board takes the memory of the most claims it held at once, however many come and go', () => {
  const board = new LeaseBoard();
  for (let id = 1; id <= 1000; id += 1) board.hold(claim(id));
  const { byteLength } = board.memory;
  for (let id = 1; id <= 10_000; id += 1) {
    board.drop(String(id));
    board.hold(claim(1000 + id));
  }
  expect(seenOn(board)).toHaveLength(1000);
  expect(board.memory.byteLength).toBe(byteLength);
});

test('the longest claim id and the secret of a runner fit; what does not fit is refused, and nothing is held for it', () => {
  const board = new LeaseBoard();
  const longest = { claimId: longestBigint, secret: crypto.randomUUID() };
  board.hold(longest);
  for (const secret of ['', 's'.repeat(41), 'sécret', 'se\0cret', 'my secret']) {
    expect(() => board.hold({ claimId: '1', secret })).toThrow(RangeError);
  }
  expect(seenOn(board)).toEqual([longest]);
});

test('a claim that is held twice stands there once, with its last secret, and one drop is enough', () => {
  const board = new LeaseBoard();
  board.hold({ claimId: '1', secret: 'first' });
  board.hold({ claimId: '1', secret: 'second' });
  expect(seenOn(board)).toEqual([{ claimId: '1', secret: 'second' }]);
  board.drop('1');
  board.drop('1');
  expect(seenOn(board)).toEqual([]);
  board.hold(claim(2));
  board.hold(claim(3));
  expect(seenOn(board)).toEqual([claim(2), claim(3)]);
});

test('a row that changes while it is read is never seen in part, nor is its neighbour missed', () => {
  let step = 1;
  for (; ; step += 1) {
    const board = new LeaseBoard();
    board.hold(claim(1));
    board.hold(claim(9));
    let found: HeldClaim[] = [];
    const change = (): void => {
      board.drop('1');
      board.hold(claim(22));
    };
    if (!interrupting('load', step, () => (found = seenOn(board)), change)) break;
    expect([[claim(9)], [claim(1), claim(9)], [claim(9), claim(22)]]).toContainEqual(found);
    expect(seenOn(board)).toEqual([claim(9), claim(22)]);
  }
  expect(step).toBeGreaterThan(30);
});

test.each(['store', 'add'] as const)('a reader before any step (%s) of a change sees whole claims', (name) => {
  for (const change of ['hold', 'drop'] as const) {
    let step = 1;
    for (; ; step += 1) {
      const board = new LeaseBoard();
      // On a row that has a past.
      board.hold(claim(6));
      board.drop('6');
      if (change === 'drop') board.hold(claim(7));
      let found: HeldClaim[] = [];
      const work = (): void => (change === 'hold' ? board.hold(claim(7)) : board.drop('7'));
      if (!interrupting(name, step, work, () => (found = seenOn(board)))) break;
      expect(found).toEqual(change === 'hold' ? [] : [claim(7)]);
      expect(seenOn(board)).toEqual(change === 'hold' ? [claim(7)] : []);
    }
    if (change === 'hold') expect(step).toBeGreaterThan(1);
  }
});
