import type { Worker } from 'node:worker_threads';
import { expect, onTestFinished, test } from 'vitest';
import type { Claim } from '../../src/ledger/claim.ts';
import { LeaseKeeper, type KeeperNews } from '../../src/runner/lease-keeper.ts';
import { claimSome, inTransaction, settleAll, waitsForLock } from '../support/leases.ts';
import { testLedger, type TestLedger } from '../support/ledger.ts';

/** The thread looks at the board each third of it. */
const ttlMs = 4500;

interface Keeping {
  readonly keeper: LeaseKeeper;
  readonly told: KeeperNews[];
  /** The next news of that kind, from now. */
  readonly next: (kind: KeeperNews['kind']) => Promise<KeeperNews>;
}

/** A keeper that is stopped when the test ends. */
function keep({ url }: TestLedger): Keeping {
  const told: KeeperNews[] = [];
  const waiting = new Map<KeeperNews['kind'], (news: KeeperNews) => void>();
  const onNews = (news: KeeperNews): void => {
    told.push(news);
    waiting.get(news.kind)?.(news);
  };
  const keeper = new LeaseKeeper({ connectionString: url, ttlMs, applicationName: 'leases', onNews });
  onTestFinished(() => keeper.stop());
  keeper.start();
  return { keeper, told, next: (kind) => new Promise((resolve) => waiting.set(kind, resolve)) };
}

async function claims(t: TestLedger, count: number): Promise<Claim[]> {
  const inputs = Array.from({ length: count }, (_, input) => ({ input }));
  await t.ledger.submitMany('some.task', inputs);
  const granted: Claim[] = [];
  for (let n = 0; n < count; n += 1) granted.push(await claimSome(t.pool, 1, { ttlMs }));
  return granted;
}

const blockFor = (ms: number): void => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
const idsOf = (held: readonly Claim[]): string[] => held.map(({ claimId }) => claimId).sort();
const idsTold = (told: readonly KeeperNews[], kind: 'renewed' | 'lost'): string[] =>
  [...new Set(told.flatMap((news) => (news.kind === kind ? [...news.claimIds] : [])))].sort();

test('hundreds of claims are renewed while the event loop stands still from the moment they are held', async () => {
  const t = await testLedger();
  const { keeper, told, next } = keep(t);
  const held = await claims(t, 300);
  // The thread is at work: it looked at a board with one row.
  keeper.hold(held[0]!);
  await next('renewed');
  told.length = 0;
  for (const claim of held) keeper.hold(claim);
  blockFor(ttlMs * 0.8);
  keeper.hear();
  expect(idsTold(told, 'renewed')).toEqual(idsOf(held));
  expect(told.filter(({ kind }) => kind !== 'renewed')).toEqual([]);
});

test('a claim that ended is told as lost while it is held; one that was dropped is neither renewed nor told', async () => {
  const t = await testLedger();
  const { keeper, told, next } = keep(t);
  const [kept, dropped, ended] = await claims(t, 3);
  for (const claim of [kept!, dropped!, ended!]) keeper.hold(claim);
  await settleAll(t.pool, ended!, 'completed');
  keeper.drop(dropped!.claimId);
  expect(await next('lost')).toEqual({ kind: 'lost', claimIds: [ended!.claimId] });
  keeper.drop(ended!.claimId);
  told.length = 0;
  expect(await next('renewed')).toMatchObject({ claimIds: [kept!.claimId] });
  expect(await next('renewed')).toMatchObject({ claimIds: [kept!.claimId] });
  expect(idsTold(told, 'lost')).toEqual([]);
});

test('a claim that took the row of another between the question and the answer of a renewal is not lost', async () => {
  const t = await testLedger();
  const { keeper, told, next } = keep(t);
  const [ended, later] = await claims(t, 2);
  keeper.hold(ended!);
  const lost = next('lost');
  await inTransaction(t.pool, 'commit', async (client) => {
    await settleAll(client, ended!, 'completed');
    await waitsForLock(t, 'taskledger.renew');
    keeper.drop(ended!.claimId);
    keeper.hold(later!);
  });
  expect(await lost).toEqual({ kind: 'lost', claimIds: [ended!.claimId] });
  expect(await next('renewed')).toMatchObject({ claimIds: [later!.claimId] });
  expect(idsTold(told, 'lost')).toEqual([ended!.claimId]);
});

test('a thread that ended is replaced, and the new one keeps what was held before and meanwhile', async () => {
  const t = await testLedger();
  const threads: Worker[] = [];
  const onThread = (thread: Worker): void => void threads.push(thread);
  process.on('worker', onThread);
  onTestFinished(() => void process.off('worker', onThread));
  const { keeper, told, next } = keep(t);
  const held = await claims(t, 3);
  keeper.hold(held[0]!);
  await next('renewed');
  threads[0]!.emit('error', new Error('out of memory'));
  await threads[0]!.terminate();
  expect(told.at(-1)).toEqual({ kind: 'trouble', reason: 'the lease keeping thread ended: out of memory' });
  keeper.hold(held[1]!);
  keeper.hold(held[2]!);
  keeper.drop(held[0]!.claimId);
  told.length = 0;
  await next('renewed');
  expect(idsTold(told, 'renewed')).toEqual(idsOf(held.slice(1)));
  expect(threads).toHaveLength(2);
});

test('keepers of two sites do not know of each other, also when claims of theirs have the same id', async () => {
  const [one, two] = [await testLedger(), await testLedger()];
  const [first, second] = [keep(one), keep(two)];
  const [[ofOne, alsoOfOne], [ofTwo]] = [await claims(one, 2), await claims(two, 1)];
  expect(ofTwo!.claimId).toBe(ofOne!.claimId);
  second.keeper.hold(ofTwo!);
  first.keeper.hold(ofOne!);
  first.keeper.hold(alsoOfOne!);
  first.keeper.drop(ofOne!.claimId);
  await Promise.all([first.next('renewed'), second.next('renewed')]);
  expect(idsTold(first.told, 'renewed')).toEqual([alsoOfOne!.claimId]);
  expect(idsTold(second.told, 'renewed')).toEqual([ofTwo!.claimId]);
  expect([...first.told, ...second.told].filter(({ kind }) => kind !== 'renewed')).toEqual([]);
});
