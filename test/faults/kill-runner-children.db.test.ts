import { appendFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { defineTask } from '../../src/index.ts';
import { effectsByTask, unexplainedEffects } from '../support/effects.ts';
import { expireLeases } from '../support/leases.ts';
import { differencesFromLog, testLedger } from '../support/ledger.ts';
import { effectsFile, spawnRunner } from '../support/runner-process.ts';

/** kill -9 of a runner at every step of an attempt that runs in a child: the child neither goes on nor is believed. */

interface Step {
  readonly at: string;
  readonly diesAt: string;
  /** Body of the handler, which calls `done()` for its effect. */
  readonly handler: string;
  readonly effects: 0 | 1;
  readonly state: 'in_doubt' | 'completed';
}

const steps: readonly Step[] = [
  {
    at: 'the attempt is about to be given to a child',
    diesAt: `name === 'attempt.started'`,
    handler: 'done();',
    effects: 0,
    state: 'in_doubt',
  },
  {
    at: 'the child has begun and waits for an answer',
    diesAt: `name === 'progress.begun'`,
    handler: 'await progress({ checkpoint: 1 }); done();',
    effects: 0,
    state: 'in_doubt',
  },
  {
    at: 'the effect is done and the child goes on',
    diesAt: `name === 'progress.begun'`,
    handler: 'done(); void progress({ checkpoint: 1 }); await new Promise((r) => setTimeout(r, 500)); done();',
    effects: 1,
    state: 'in_doubt',
  },
  {
    at: 'the child has told its result',
    diesAt: `name === 'attempt.ended'`,
    handler: 'done();',
    effects: 1,
    state: 'in_doubt',
  },
  {
    at: 'the result was recorded',
    diesAt: `name === 'settle.recorded'`,
    handler: 'done();',
    effects: 1,
    state: 'completed',
  },
];

async function killedAt(isolation: 'pool' | 'process', { diesAt, handler, effects, state }: Step): Promise<void> {
  const t = await testLedger();
  const { file, lines } = await effectsFile();
  const { id } = await t.ledger.submit('some.task', 1, { protected: true });
  const first = spawnRunner({
    url: t.url,
    name: 'first',
    effects: file,
    isolation,
    diesAt,
    handler: `const done = () => effect(taskId + ' ' + lease.version); ${handler}`,
  });
  await first.exited;
  expect(first.child.signalCode).toBe('SIGKILL');
  await expireLeases(t);
  const second = defineTask({ name: 'some.task' }).handle(({ taskId, lease }) => {
    appendFileSync(file, `second ${taskId} ${lease.version}\n`);
  });
  await t.run([second], { name: 'second' });
  await expect.poll(async () => (await t.ledger.get(id)).state, { timeout: 15_000 }).toBe(state);
  const counted = effectsByTask(await lines()).get(id) ?? [];
  expect(counted).toHaveLength(effects);
  expect(unexplainedEffects(await t.ledger.history(id), counted)).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
}

test.each(steps.map((step) => [step.at, step] as const))(
  'I2, I3 and I4 hold, every effect explained, when kill -9 hits a runner with children as %s',
  async (_at, step) => {
    await Promise.all([killedAt('process', step), killedAt('pool', step)]);
  },
);
