import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Claim, Lease } from '../../src/ledger/claim.ts';
import type { ExchangeAnswer } from '../../src/ledger/exchange.ts';
import { Offers, type Offered } from '../../src/runner/offers.ts';
import { deferred, handlerOf, leaseOf } from './fakes.ts';
import { dispatching, idsOf } from './dispatching.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

const leases = (...ids: string[]): Lease[] => ids.map((id) => leaseOf(id));
const nothing: ExchangeAnswer = { verdicts: [], claim: undefined };

test('what is leased is run, and its outcome is sent with the secret of its claim', async () => {
  const t = dispatching(handlerOf(() => 'done'));
  t.dispatcher.resume();
  await t.grant(leases('a'));
  expect(t.request.settle?.held).toEqual([{ claimId: '1', secret: 'secret of 1' }]);
  expect(t.request.settle?.outcomes).toMatchObject([{ taskId: 'a', kind: 'completed', detailJson: '"done"' }]);
  await t.answer(nothing);
  expect(t.claimsDone).toEqual(['1']);
});

test('it never asks for more than it has room for, whatever is under way', async () => {
  const t = dispatching(
    handlerOf(() => new Promise(() => undefined)),
    { concurrency: 10, connections: 3 },
  );
  t.dispatcher.resume();
  expect(t.request.claim?.maxTasks).toBe(10);
  t.dispatcher.look();
  expect(t.waiting).toBe(1);
  await t.grant(leases('a', 'b', 'c', 'd'));
  t.dispatcher.look();
  expect(t.request.claim?.maxTasks).toBe(6);
  await t.grant(leases('e', 'f', 'g', 'h', 'i', 'j'));
  t.dispatcher.look();
  expect(t.waiting).toBe(0);
});

test('a failed exchange loses no outcome: it is sent again, after a pause, with what has ended since', async () => {
  const second = deferred<string>();
  const t = dispatching(
    handlerOf(({ taskId }) => (taskId === 'a' ? 'one' : second.promise)),
    { connections: 1 },
  );
  t.dispatcher.resume();
  await t.grant(leases('a', 'b'));
  await vi.advanceTimersByTimeAsync(2);
  expect(idsOf(t.request)).toEqual(['a']);
  const failed = t.signals.next('service.failed');
  await t.fail(Object.assign(new Error('away'), { code: 'ECONNRESET' }));
  expect(await failed).toEqual({ service: 'claim loop', code: 'ECONNRESET', retryInMs: 100 });
  second.resolve('two');
  await vi.advanceTimersByTimeAsync(99);
  expect(t.waiting).toBe(0);
  await vi.advanceTimersByTimeAsync(2);
  expect(idsOf(t.request)).toEqual(['a', 'b']);
  await t.answer({ ...nothing, verdicts: [{ taskId: 'a', claimId: '1', verdict: 'already' }] });
  expect(t.claimsDone).toEqual(['1']);
  // Its claim waited until the ledger had said what became of the one before.
  await t.answer(nothing);
  expect(await t.dispatcher.quiet(0)).toBe(true);
});

test('while submissions do not ring it looks again soon after tasks came, before what it had planned', async () => {
  const t = dispatching(
    handlerOf(() => new Promise(() => undefined)),
    { rings: () => false },
  );
  await vi.advanceTimersByTimeAsync(1000);
  t.dispatcher.resume();
  await t.answer({ ...nothing, againMs: 500 });
  t.dispatcher.ring();
  await t.grant(leases('a'));
  await vi.advanceTimersByTimeAsync(5);
  expect(t.waiting).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(t.waiting).toBe(1);
});

test('an answer is idle when it brings nothing, and the ones of a moment before brought nothing either', async () => {
  const heard: boolean[] = [];
  const t = dispatching(
    handlerOf(() => new Promise(() => undefined)),
    { onAnswer: (idle) => heard.push(idle) },
  );
  t.dispatcher.resume();
  await t.grant(leases('a'));
  t.dispatcher.look();
  await t.answer(nothing);
  await vi.advanceTimersByTimeAsync(10);
  t.dispatcher.look();
  await t.answer(nothing);
  expect(heard).toEqual([false, false, true]);
});

test('pauses grow while nothing gets through', async () => {
  const t = dispatching(handlerOf(() => 1));
  t.dispatcher.resume();
  const pauses: number[] = [];
  t.signals.subscribe(({ name, data }) => name === 'service.failed' && pauses.push(data.retryInMs));
  for (let i = 0; i < 6; i += 1) {
    await t.fail(new Error('away'));
    await vi.advanceTimersByTimeAsync(3001);
  }
  expect(pauses).toEqual([100, 300, 1000, 3000, 3000, 3000]);
});

test('outcomes that end within 2 ms share an exchange', async () => {
  const ends = new Map(['a', 'b', 'c'].map((id) => [id, deferred<number>()]));
  const t = dispatching(handlerOf(({ taskId }) => ends.get(taskId)?.promise));
  t.dispatcher.resume();
  await t.grant(leases('a', 'b', 'c'));
  ends.get('a')?.resolve(1);
  await vi.advanceTimersByTimeAsync(1);
  ends.get('b')?.resolve(2);
  await vi.advanceTimersByTimeAsync(0);
  expect(t.waiting).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(idsOf(t.request)).toEqual(['a', 'b']);
});

test('outcomes wait for company up to 10 ms while leases wait for a place', async () => {
  const ends = new Map<string, () => void>();
  const endLater = ({ taskId }: { taskId: string }) => new Promise<void>((resolve) => ends.set(taskId, resolve));
  const t = dispatching(handlerOf(endLater), { concurrency: 1, connections: 1 });
  t.dispatcher.resume();
  await t.grant(leases('a', 'b', 'c'));
  ends.get('a')!();
  await vi.advanceTimersByTimeAsync(5);
  ends.get('b')!();
  await vi.advanceTimersByTimeAsync(4);
  expect(t.waiting).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(idsOf(t.request)).toEqual(['a', 'b']);
});

test('draining gives back what has not begun, lets what runs end, and claims no more', async () => {
  const end = deferred<string>();
  const t = dispatching(
    handlerOf(() => end.promise),
    { concurrency: 1 },
  );
  t.dispatcher.resume();
  await t.grant(leases('a', 'b', 'c'));
  t.dispatcher.drain('shutdown');
  expect(t.request.claim).toBeUndefined();
  expect(t.request.settle?.outcomes.map(({ taskId, kind }) => [taskId, kind])).toEqual([
    ['b', 'released'],
    ['c', 'released'],
  ]);
  await t.answer(nothing);
  const quiet = t.dispatcher.quiet(5000);
  end.resolve('done');
  await vi.advanceTimersByTimeAsync(0);
  expect(t.request.claim).toBeUndefined();
  await t.answer(nothing);
  expect(await quiet).toBe(true);
});

test('leases that arrive after draining began are given back unbegun', async () => {
  const handler = vi.fn();
  const t = dispatching(handlerOf(handler));
  t.dispatcher.resume();
  t.dispatcher.drain('shutdown');
  await t.grant(leases('late'));
  expect(t.request.settle?.outcomes).toMatchObject([{ taskId: 'late', kind: 'released' }]);
  expect(handler).not.toHaveBeenCalled();
});

test('quiet gives up after its time', async () => {
  const t = dispatching(handlerOf(() => new Promise(() => undefined)));
  t.dispatcher.resume();
  await t.grant(leases('a'));
  const quiet = t.dispatcher.quiet(1000);
  await vi.advanceTimersByTimeAsync(1000);
  expect(await quiet).toBe(false);
});

test('I2: what waits under a lost claim never runs; what runs is told to stop, and its result still goes out', async () => {
  const begun: string[] = [];
  const t = dispatching(
    handlerOf(({ taskId, signal }) => {
      begun.push(taskId);
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve('too late')));
    }),
    { concurrency: 1 },
  );
  t.dispatcher.resume();
  await t.grant(leases('a', 'b', 'c'));
  const { running, waiting } = t.dispatcher.attempts.lose('1');
  t.dispatcher.forget('1', waiting);
  expect({ running, waiting }).toEqual({ running: 1, waiting: 2 });
  await vi.advanceTimersByTimeAsync(2);
  expect(idsOf(t.request)).toEqual(['a']);
  const refused = t.signals.next('attempt.refused');
  await t.answer({ ...nothing, verdicts: [{ taskId: 'a', claimId: '1', verdict: 'refused' }] });
  expect(await refused).toEqual({ taskId: 'a', reason: 'refused' });
  expect(t.claimsDone).toEqual(['1']);
  expect(begun).toEqual(['a']);
});

test('I2: a claim that is answered when its leases may be over is given back unbegun', async () => {
  const handler = vi.fn();
  const t = dispatching(handlerOf(handler), { ttlMs: 1000 });
  t.dispatcher.resume();
  await vi.advanceTimersByTimeAsync(901);
  await t.grant(leases('a'));
  expect(t.request.settle).toMatchObject({
    held: [{ claimId: '1', secret: 'secret of 1' }],
    outcomes: [{ taskId: 'a', kind: 'released' }],
  });
  await t.answer(nothing);
  expect(t.claimsDone).toEqual(['1']);
  expect(handler).not.toHaveBeenCalled();
});

test('of what waits under a lost claim a protected task is given back: it is not in doubt for nothing', async () => {
  const t = dispatching(
    handlerOf(() => new Promise(() => undefined)),
    { concurrency: 1 },
  );
  t.dispatcher.resume();
  await t.grant([leaseOf('runs'), leaseOf('waits'), leaseOf('pays', {}, { protected: true })]);
  expect(t.dispatcher.attempts.lose('1')).toEqual({ running: 1, waiting: 1, released: 1 });
  t.dispatcher.flush();
  expect(t.request.settle?.outcomes).toMatchObject([{ taskId: 'pays', kind: 'released' }]);
});

test('an abort ends a waiting lease without running it, and tells a running one to stop', async () => {
  const begun: string[] = [];
  const t = dispatching(
    handlerOf(({ taskId, signal }) => {
      begun.push(taskId);
      return new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
    }),
    { concurrency: 1, connections: 1 },
  );
  t.dispatcher.resume();
  await t.grant(leases('a', 'b'));
  t.dispatcher.attempts.abort('b');
  t.dispatcher.flush();
  expect(t.request.settle?.outcomes).toMatchObject([{ taskId: 'b', kind: 'aborted' }]);
  await t.answer(nothing);
  t.dispatcher.attempts.abort('a');
  await vi.advanceTimersByTimeAsync(2);
  expect(t.request.settle?.outcomes).toMatchObject([{ taskId: 'a', kind: 'aborted' }]);
  expect(begun).toEqual(['a']);
});

test('a doorbell that rings while a claim is under way is not forgotten when that claim finds nothing', async () => {
  const t = dispatching(handlerOf(() => 1));
  t.dispatcher.resume();
  t.dispatcher.ring();
  expect(t.waiting).toBe(1);
  await t.answer(nothing);
  expect(t.request.claim?.maxTasks).toBe(10);
  await t.answer(nothing);
  expect(t.waiting).toBe(0);
});

test('a lease of a task it has no handler for is given back, and harms nothing', async () => {
  const t = dispatching(handlerOf(() => 1));
  t.dispatcher.resume();
  await t.grant([leaseOf('x', {}, { name: 'other.task' }), leaseOf('a')]);
  expect(t.request.settle?.outcomes.map(({ taskId, kind }) => [taskId, kind])).toEqual([
    ['x', 'released'],
    ['a', 'completed'],
  ]);
});

test('once closed it does nothing more, also when an exchange under way fails', async () => {
  const t = dispatching(handlerOf(() => 1));
  t.dispatcher.resume();
  await t.grant(leases('a'));
  t.dispatcher.close();
  while (t.waiting > 0) await t.fail(new Error('pool ended'));
  t.dispatcher.look();
  t.dispatcher.flush();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(t.waiting).toBe(0);
  expect(vi.getTimerCount()).toBe(0);
});

test('a batch of synchronous tasks costs no turn of the event loop', async () => {
  const t = dispatching(handlerOf(({ input }) => input));
  t.dispatcher.resume();
  const many = Array.from({ length: 100 }, (_, i) => leaseOf(String(i)));
  await t.grant(many);
  expect(t.request.settle?.outcomes).toHaveLength(100);
});

test('a lease is run by what its claim offered, whatever is offered since, also when its answer was lost', async () => {
  const version = (text: string): Offered => {
    const offers = new Offers(new Map());
    const handler = handlerOf(() => text);
    offers.install([{ ...handler, plugin: { name: 'p', version: text, digest: '' } }]);
    return offers.offered([]);
  };
  const offers = { now: version('1.0.0') };
  const lost: Claim = { claimId: '7', secret: 's', leases: [leaseOf('b', { claimId: '7' })], size: 100 };
  const t = dispatching(
    handlerOf(() => ''),
    { offers, newSecret: () => 's', recall: () => Promise.resolve([lost]) },
  );
  const outputs = () => t.request.settle?.outcomes.map(({ detailJson }) => detailJson);
  t.dispatcher.resume();
  expect(t.request.claim?.offers).toMatchObject([{ leased: { plugin: 'p@1.0.0' } }]);
  offers.now = version('2.0.0');
  await t.grant(leases('a'));
  expect(outputs()).toEqual(['"1.0.0"']);
  await t.answer(nothing);
  t.dispatcher.look();
  expect(t.request.claim?.offers).toMatchObject([{ leased: { plugin: 'p@2.0.0' } }]);
  offers.now = version('3.0.0');
  await t.fail(Object.assign(new Error('Connection terminated unexpectedly'), { code: 'ECONNRESET' }));
  await vi.advanceTimersByTimeAsync(101);
  while (outputs() === undefined) await t.answer(nothing);
  expect(outputs()).toEqual(['"2.0.0"']);
});
