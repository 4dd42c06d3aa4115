import { expect, test } from 'vitest';
import { scaleOf } from './scale.ts';

test('the scale of fault tests is a number above 0, and 1 unless somebody set it', () => {
  expect([undefined, '', '0.5', '40'].map(scaleOf)).toEqual([1, 1, 0.5, 40]);
  for (const wrong of ['0', '-1', 'long', 'NaN', 'Infinity']) expect(() => scaleOf(wrong)).toThrow('TEST_SCALE');
});
