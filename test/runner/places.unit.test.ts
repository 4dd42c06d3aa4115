import { expect, test } from 'vitest';
import { Places, type Tenant } from '../../src/runner/places.ts';

function tenant(more: Partial<Tenant> = {}): Tenant {
  return { inHand: 0, asked: 0, content: true, refill: () => undefined, ...more };
}

function placesOf(own: Tenant | undefined, ...others: readonly Tenant[]): Places {
  const places = new Places(10);
  for (const other of others) places.join(other, { own: false });
  if (own !== undefined) places.join(own, { own: true });
  return places;
}

test('one site alone has every place, whatever it holds', () => {
  const own = tenant({ inHand: 500, asked: 3, content: false });
  expect(placesOf(own).for(own)).toBe(10);
});

test('another site has what is left, and nothing while the own one has something to give', () => {
  const other = tenant();
  expect(placesOf(tenant({ inHand: 3, asked: 2 }), other).for(other)).toBe(5);
  expect(placesOf(tenant({ inHand: 30 }), other).for(other)).toBe(0);
  expect(placesOf(tenant({ content: false }), other).for(other)).toBe(0);
  expect(placesOf(undefined, other).for(other)).toBe(10);
});

test('other sites share what is left: what one holds or has asked for, the next one cannot have', () => {
  const [lon, ams] = [tenant({ inHand: 4, asked: 1 }), tenant({ inHand: 1 })];
  const places = placesOf(tenant({ inHand: 2 }), lon, ams);
  expect([places.for(lon), places.for(ams)]).toEqual([7, 3]);
});

test('the own site does not wait for what others were only asked for', () => {
  const own = tenant();
  expect(placesOf(own, tenant({ inHand: 4, asked: 6 })).for(own)).toBe(6);
});

test('whoever leaves counts no longer', () => {
  const [own, other, gone] = [tenant({ content: false }), tenant(), tenant({ inHand: 9 })];
  const places = placesOf(own, other, gone);
  places.leave(gone);
  places.leave(own);
  expect(places.for(other)).toBe(10);
});

test('as many places can be taken as there are, whoever takes them, and the own site is refilled first', () => {
  const order: string[] = [];
  const places = placesOf(tenant({ refill: () => order.push('own') }), tenant({ refill: () => order.push('other') }));
  places.refill();
  expect(order).toEqual(['own', 'other']);
  for (let i = 0; i < 10; i += 1) places.take();
  expect(places.anyFree).toBe(false);
  places.giveBack();
  expect(places.anyFree).toBe(true);
});
