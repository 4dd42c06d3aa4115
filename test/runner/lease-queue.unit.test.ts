import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LeaseQueue } from '../../src/runner/lease-queue.ts';
import { leaseOf } from './fakes.ts';

test('leases come out in the order they went in', () => {
  const queue = new LeaseQueue();
  queue.push([leaseOf('a'), leaseOf('b')]);
  expect(queue.take()?.taskId).toBe('a');
  queue.push([leaseOf('c')]);
  expect([queue.take()?.taskId, queue.take()?.taskId, queue.take()]).toEqual(['b', 'c', undefined]);
  queue.push([leaseOf('d')]);
  expect([queue.size, queue.take()?.taskId, queue.size]).toEqual([1, 'd', 0]);
});

test('some may be taken out of the middle; the others keep their order', () => {
  const queue = new LeaseQueue();
  queue.push([...'abcdef'].map((id) => leaseOf(id, { claimId: 'bdf'.includes(id) ? '2' : '1' })));
  queue.take();
  expect(queue.takeWhere(({ claimId }) => claimId === '2').map(({ taskId }) => taskId)).toEqual(['b', 'd', 'f']);
  expect(queue.size).toBe(2);
  expect([queue.take()?.taskId, queue.take()?.taskId, queue.take()]).toEqual(['c', 'e', undefined]);
});

test('it behaves as a list, however many went through it without its ever being empty', () => {
  const steps = fc.array(fc.record({ push: fc.nat(700), take: fc.nat(700) }), { maxLength: 30 });
  fc.assert(
    fc.property(steps, (rounds) => {
      const queue = new LeaseQueue();
      const list: string[] = [];
      let made = 0;
      for (const { push, take } of rounds) {
        const ids = Array.from({ length: push }, () => String((made += 1)));
        queue.push(ids.map((id) => leaseOf(id)));
        list.push(...ids);
        for (let i = 0; i < take; i += 1) expect(queue.take()?.taskId).toBe(list.shift());
        expect(queue.size).toBe(list.length);
      }
    }),
    { numRuns: 30 },
  );
});
