import { expect, test } from 'vitest';
import { ClaimsInHand } from '../../src/runner/claims-in-hand.ts';
import type { Outcome } from '../../src/ledger/settle.ts';

const outcomeOf = (claimId: string): Outcome => ({
  taskId: 't',
  claimId,
  kind: 'completed',
  detailJson: null,
  endedAtMs: 0,
  ranMs: 0,
});

test('a claim is held until the last of its leases is counted down', () => {
  const claims = new ClaimsInHand();
  claims.add({ claimId: '1', secret: 's1' }, 2);
  expect(claims.countDown('1')).toBe(false);
  expect(claims.secretOf('1')).toBe('s1');
  expect(claims.countDown('1')).toBe(true);
  expect(claims.secretOf('1')).toBeUndefined();
  expect(claims.countDown('1')).toBe(false);
});

test('outcomes are sent with the secrets of their claims, each once, and without those that are gone', () => {
  const claims = new ClaimsInHand();
  claims.add({ claimId: '1', secret: 's1' }, 2);
  claims.add({ claimId: '2', secret: 's2' }, 1);
  claims.add({ claimId: '3', secret: 's3' }, 1);
  expect(claims.holding(['2', '1', '2', '9'].map(outcomeOf))).toEqual([
    { claimId: '2', secret: 's2' },
    { claimId: '1', secret: 's1' },
  ]);
});
