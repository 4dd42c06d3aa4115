import { expect, test } from 'vitest';
import type { Outcome } from '../../src/ledger/settle.ts';
import { OutcomeBox } from '../../src/runner/outcome-box.ts';

const outcome = (taskId: string, detailJson = '1'): Outcome => ({
  taskId,
  claimId: '1',
  kind: 'completed',
  detailJson,
  endedAtMs: 0,
  ranMs: 0,
});

const refusal = Object.assign(new Error('invalid byte sequence'), { code: '22021' });
const away = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });

function boxOf(maxBatch: number, ...outcomes: Outcome[]): OutcomeBox {
  const box = new OutcomeBox(maxBatch);
  for (const one of outcomes) box.push(one);
  return box;
}

const ids = (outcomes: readonly Outcome[]): string => outcomes.map(({ taskId }) => taskId).join('');

test('outcomes go in order, a batch at a time', () => {
  const box = boxOf(2, ...[...'abc'].map((id) => outcome(id)));
  expect([ids(box.take()), box.length, ids(box.take()), box.length, ids(box.take())]).toEqual(['ab', 1, 'c', 0, '']);
});

test('a batch holds no more than 8 MB of text, but a larger one goes alone', () => {
  const large = 'x'.repeat(5 * 2 ** 20);
  const box = boxOf(10, outcome('a', large), outcome('b', large), outcome('c', large + large), outcome('d'));
  expect(Array.from({ length: 4 }, () => ids(box.take()))).toEqual(['a', 'b', 'c', 'd']);
});

test('after an answer that was lost the same batch goes again, before what came later', () => {
  const box = boxOf(3, ...[...'abc'].map((id) => outcome(id)));
  const sent = box.take();
  box.push(outcome('d'));
  box.putBack(sent, away);
  expect(box.take()).toEqual(sent);
  expect(ids(box.take())).toBe('d');
});

/** Sends what is in the box, `atOnce` batches at a time, to a ledger that refuses X; a refusal is the quicker answer. */
function recordAll(box: OutcomeBox, atOnce: number, each: () => void = () => undefined): Outcome[] {
  const recorded: Outcome[] = [];
  for (let round = 0; box.length > 0 && round < 20; round += 1) {
    const batches = Array.from({ length: atOnce }, () => box.take());
    const isRefused = (batch: readonly Outcome[]): boolean =>
      batch.some(({ taskId, kind }) => taskId === 'X' && kind === 'completed');
    for (const batch of batches.filter(isRefused)) box.putBack(batch, refusal);
    recorded.push(...batches.filter((batch) => !isRefused(batch)).flat());
    each();
  }
  return recorded;
}

test('one outcome the ledger refuses is found by halving, recorded as a failure, and holds up no other', () => {
  const box = boxOf(8, ...[...'abcXefgh'].map((id) => outcome(id)));
  const recorded = recordAll(box, 1);
  expect([...ids(recorded)].sort().join('')).toBe('Xabcefgh');
  const { kind, detailJson } = recorded.find(({ taskId }) => taskId === 'X')!;
  expect(kind).toBe('failed');
  expect(JSON.parse(detailJson ?? '')).toMatchObject({ code: 'INVALID_OUTPUT', message: 'invalid byte sequence' });
});

test('it is found under load too, while other batches go through and new outcomes come in', () => {
  const box = boxOf(8, ...[...'abcXefgh'].map((id) => outcome(id)));
  let more = 0;
  const recorded = recordAll(box, 3, () => {
    for (let i = 0; i < 24; i += 1) box.push(outcome(`(${(more += 1)})`));
  });
  expect(recorded.find(({ taskId }) => taskId === 'X')?.kind).toBe('failed');
  expect(recorded.filter(({ taskId }) => 'abcefgh'.includes(taskId))).toHaveLength(7);
});
