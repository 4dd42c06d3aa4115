import { expect, test } from 'vitest';
import { Asks } from '../../src/runner/asks.ts';
import { FakeClock } from './fakes.ts';

test('only a look at everything that found less than was asked for tells that there is no more', () => {
  const asks = new Asks(new FakeClock());
  expect(asks.inVain).toBe(false);
  asks.granted(3, 5, false);
  expect(asks.inVain).toBe(false);
  asks.granted(3, 5, true);
  expect(asks.inVain).toBe(true);
  asks.granted(0, 5, false);
  expect(asks.inVain).toBe(true);
  asks.granted(5, 5, false);
  expect(asks.inVain).toBe(false);
});

test('an ask that is not answered for a second is in vain until it is; a settle alone is no ask', async () => {
  const clock = new FakeClock();
  const asks = new Asks(clock);
  asks.sent(0);
  await clock.advance(5000);
  expect([asks.open, asks.inVain]).toEqual([0, false]);
  asks.sent(4);
  await clock.advance(1000);
  expect([asks.open, asks.unheard, asks.inVain]).toEqual([4, false, false]);
  await clock.advance(1);
  expect([asks.unheard, asks.inVain]).toEqual([true, true]);
  asks.over(4);
  expect([asks.open, asks.inVain]).toEqual([0, false]);
});

test('a site that fails is left alone for longer each time, and is in vain until it works', async () => {
  const clock = new FakeClock();
  const asks = new Asks(clock);
  expect([asks.failed(), asks.failed(), asks.failed(), asks.failed(), asks.failed()]).toEqual([
    100, 300, 1000, 3000, 3000,
  ]);
  expect([asks.paused, asks.inVain]).toEqual([true, true]);
  await clock.advance(3000);
  expect([asks.paused, asks.inVain]).toEqual([false, true]);
  asks.worked();
  expect(asks.inVain).toBe(false);
  expect(asks.failed()).toBe(100);
});
