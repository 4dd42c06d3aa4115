import { setImmediate as nextTurn } from 'node:timers/promises';
import { getHeapSpaceStatistics } from 'node:v8';
import { expect, test } from 'vitest';
import { keepHeapSmall } from '../../src/cli/small-heap.ts';

/** How full the place for new objects becomes, as a share of it, in a process that makes a little garbage at each turn. */
async function mostFilled(): Promise<number> {
  const shares: number[] = [];
  for (let turn = 0; turn < 3000; turn += 1) {
    JSON.parse(`[${'{"a":1},'.repeat(1000)}0]`);
    await nextTurn();
    const young = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space');
    if (young !== undefined) shares.push(young.space_used_size / young.space_size);
  }
  // The first turns still have what was there before.
  return Math.max(...shares.slice(1000));
}

test('new objects are collected long before their place is full', async () => {
  const byItself = await mostFilled();
  keepHeapSmall();
  expect(await mostFilled()).toBeLessThan(byItself / 2);
});
