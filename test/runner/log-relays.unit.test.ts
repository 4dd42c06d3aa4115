import { expect, test } from 'vitest';
import type { LogAnswer } from '../../src/ledger/report-log.ts';
import { Attempt } from '../../src/runner/attempt.ts';
import type { LogLines } from '../../src/runner/execute/log-tail.ts';
import { LogRelays } from '../../src/runner/log-relays.ts';
import { createSignals, type SignalData } from '../../src/signals.ts';
import { FakeClock, leaseOf } from './fakes.ts';

function relaying(answers: readonly (LogAnswer | Error)[] = []) {
  const clock = new FakeClock();
  const signals = createSignals();
  const sent: { first: number; texts: string[]; bytes: number }[] = [];
  const ended: SignalData<'log.unwatched'>[] = [];
  signals.subscribe((signal) => signal.name === 'log.unwatched' && ended.push(signal.data));
  const left = [...answers];
  const relays = new LogRelays({
    clock,
    signals,
    send: async (_attempt, { first, lines }: LogLines) => {
      sent.push({
        first,
        texts: lines.map((line) => line.replace(/^\S+ \S+ \S+ /, '')),
        bytes: Buffer.byteLength(JSON.stringify(lines)),
      });
      const answer = left.shift() ?? 'told';
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  const attempt = new Attempt(leaseOf('t'), clock, () => Promise.resolve());
  const watch = async (isNew = true): Promise<void> => {
    relays.asked(attempt, { isNew });
    await clock.advance(0);
  };
  return { clock, relays, attempt, sent, ended, watch };
}

test('a new watcher is sent what the tail holds, then what is added, five times a second at most', async () => {
  const { clock, attempt, sent, watch } = relaying();
  attempt.log.info('before');
  await watch();
  attempt.log.info('one');
  attempt.log.info('two');
  await clock.advance(199);
  expect(sent).toMatchObject([{ first: 0, texts: ['before'] }]);
  await clock.advance(1);
  expect(sent[1]).toMatchObject({ first: 1, texts: ['one', 'two'] });
});

test('a watcher of a silent attempt learns that it is heard, and nothing more is sent', async () => {
  const { clock, sent, watch } = relaying();
  await watch();
  for (let i = 0; i < 20; i += 1) await clock.advance(200);
  expect(sent).toMatchObject([{ first: 0, texts: [] }]);
});

test('it ends 15 s after it was last asked for, at once when nobody watches, and with the attempt', async () => {
  const { clock, attempt, relays, sent, ended, watch } = relaying(['told', 'told', 'nobody']);
  await watch();
  await clock.advance(14_900);
  await watch(false);
  await clock.advance(14_900);
  expect(ended).toEqual([]);
  await clock.advance(200);
  expect(ended).toHaveLength(1);
  attempt.log.info('unheard');
  await clock.advance(1000);
  expect(sent).toHaveLength(1);
  await watch();
  attempt.log.info('last');
  await clock.advance(200);
  expect(ended).toHaveLength(2);
  await watch();
  relays.forget(attempt);
  attempt.log.info('after');
  await clock.advance(1000);
  expect([ended.length, sent.length]).toEqual([3, 4]);
});

test('what came too soon or was lost on the way is sent again, and a second watcher gets all of it', async () => {
  const { clock, attempt, sent, watch } = relaying(['later', new Error('away')]);
  attempt.log.info('one');
  await watch();
  await clock.advance(200);
  await clock.advance(200);
  expect(sent.map(({ first, texts }) => [first, ...texts])).toEqual([
    [0, 'one'],
    [0, 'one'],
    [0, 'one'],
  ]);
  await watch();
  await clock.advance(200);
  expect(sent[3]).toMatchObject({ first: 0, texts: ['one'] });
});

test('of a flood only what a notification carries is sent; the numbers say how much was dropped', async () => {
  const { clock, attempt, sent, ended, relays, watch } = relaying();
  await watch();
  for (let round = 0; round < 3; round += 1) {
    // Six bytes each in JSON: a line that does not fit as it is.
    for (let i = 0; i < 1000; i += 1)
      attempt.log.info('\u0001'.repeat(i % 10 === 5 ? 1000 : 50), { n: i, x: 'y'.repeat(900) });
    await clock.advance(200);
  }
  relays.forget(attempt);
  await clock.advance(200);
  expect(sent.every(({ bytes }) => bytes < 7800)).toBe(true);
  const lines = sent.reduce((sum, { texts }) => sum + texts.length, 0);
  expect(lines).toBeGreaterThan(3);
  expect(ended).toMatchObject([{ lines, dropped: sent.at(-1)!.first + sent.at(-1)!.texts.length - lines }]);
});
