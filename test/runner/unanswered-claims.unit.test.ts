import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Claim } from '../../src/ledger/claim.ts';
import { dispatching, idsOf } from './dispatching.ts';
import { deferred, handlerOf, leaseOf } from './fakes.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const cut = Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' });
const granted = (id: string): Claim => ({
  claimId: '7',
  secret: 'secret 1',
  leases: [leaseOf(id, { claimId: '7' })],
  size: 100,
});

/** A dispatcher whose questions about lost answers the test answers. */
function asking() {
  const questions: {
    readonly secrets: readonly string[];
    readonly reply: ReturnType<typeof deferred<readonly Claim[]>>;
  }[] = [];
  let made = 0;
  const held: string[] = [];
  const t = dispatching(
    handlerOf(() => 'done'),
    {
      newSecret: () => `secret ${(made += 1)}`,
      onClaim: ({ claimId }) => held.push(claimId),
      recall: (secrets) => {
        const reply = deferred<readonly Claim[]>();
        questions.push({ secrets, reply });
        return reply.promise;
      },
    },
  );
  return { t, questions, held };
}

test('every claim carries a secret of its own', async () => {
  const { t } = asking();
  t.dispatcher.resume();
  expect(t.request.claim?.secret).toBe('secret 1');
  await t.answer({ verdicts: [], claim: undefined });
  t.dispatcher.ring();
  expect(t.request.claim?.secret).toBe('secret 2');
});

test('a claim whose answer was lost is asked about by its secret before anything more is claimed, and what it brought is run', async () => {
  const { t, questions, held } = asking();
  t.dispatcher.resume();
  await t.fail(cut);
  await vi.advanceTimersByTimeAsync(101);
  expect(questions.map(({ secrets }) => secrets)).toEqual([['secret 1']]);
  t.dispatcher.ring();
  expect(t.waiting).toBe(0);
  questions[0]!.reply.resolve([granted('a')]);
  await vi.advanceTimersByTimeAsync(0);
  expect(held).toEqual(['7']);
  expect(idsOf(t.request)).toEqual(['a']);
  expect(t.request.settle?.held).toEqual([{ claimId: '7', secret: 'secret 1' }]);
  expect(t.request.claim?.secret).toBe('secret 2');
});

test('when asking fails too it is asked again, after a pause, and outcomes go on meanwhile', async () => {
  const { t, questions } = asking();
  t.dispatcher.resume();
  await t.fail(cut);
  await vi.advanceTimersByTimeAsync(101);
  questions[0]!.reply.reject(cut);
  await vi.advanceTimersByTimeAsync(299);
  expect(questions).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(2);
  expect(questions.map(({ secrets }) => secrets)).toEqual([['secret 1'], ['secret 1']]);
  questions[1]!.reply.resolve([]);
  await vi.advanceTimersByTimeAsync(2);
  expect(t.request.claim?.secret).toBe('secret 2');
});

test('leases that were granted before draining began are given back unbegun, and until then nothing is quiet', async () => {
  const { t, questions } = asking();
  t.dispatcher.resume();
  await t.fail(cut);
  t.dispatcher.drain('shutdown');
  expect(await Promise.race([t.dispatcher.quiet(50), vi.advanceTimersByTimeAsync(60).then(() => 'late')])).not.toBe(
    true,
  );
  await vi.advanceTimersByTimeAsync(101);
  questions[0]!.reply.resolve([granted('a')]);
  await vi.advanceTimersByTimeAsync(0);
  expect(t.request.settle?.outcomes).toMatchObject([{ taskId: 'a', kind: 'released' }]);
});

test.each([new Error('syntax'), Object.assign(new Error('refused'), { code: 'ECONNREFUSED' })])(
  'a claim that surely was not made is not asked about: %s',
  async (error) => {
    const { t, questions } = asking();
    t.dispatcher.resume();
    await t.fail(error);
    await vi.advanceTimersByTimeAsync(200);
    expect(questions).toEqual([]);
    expect(t.request.claim?.secret).toBe('secret 2');
  },
);
