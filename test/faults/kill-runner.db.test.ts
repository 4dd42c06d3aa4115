import { appendFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { defineTask, type Handler } from '../../src/index.ts';
import { effectsByTask, unexplainedEffects } from '../support/effects.ts';
import { tokensThatDoNotIncrease } from '../support/fencing-tokens.ts';
import { holdEvents } from '../support/held-events.ts';
import { expireLeases } from '../support/leases.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';
import { effectsFile, spawnRunner, type Effects, type RunnerProcess } from '../support/runner-process.ts';
import { failpoints, type Failpoint } from './failpoints.ts';

/**
 * kill -9 of a runner at every step of claim, run and settle, once for each kind of task. A second runner then goes on; the
 * log, the hot table and a file outside the ledger must agree on what happened.
 */
const kinds = ['standard', 'protected', 'retrying'] as const;
type Kind = (typeof kinds)[number];
/** A claim that is answered later than that is given back, unbegun: on a machine that is busy, too, the first one is to begin. */
const ttlMs = 4000;

interface Crowd {
  readonly t: TestLedger;
  readonly effects: Effects;
  readonly ids: Readonly<Record<Kind, string>>;
}

const nameOf = (kind: Kind): string => `${kind}.task`;

/** One task of each kind, submitted before anybody runs anything. */
async function crowd(): Promise<Crowd> {
  const t = await testLedger();
  const submit = async (kind: Kind): Promise<string> => {
    const retry = { attempts: 4, backoff: { kind: 'fixed', delay_ms: 10 } } as const;
    const options = { protected: kind === 'protected', retry };
    return (await t.ledger.submit(nameOf(kind), kind, options)).id;
  };
  const ids = {
    standard: await submit('standard'),
    protected: await submit('protected'),
    retrying: await submit('retrying'),
  };
  return { t, effects: await effectsFile(), ids };
}

/** A process for each kind, so that each dies exactly at its own step. */
function firstRunners(
  { t, effects }: Crowd,
  { diesAt = 'false', before = '', after = '' }: Partial<Failpoint>,
): RunnerProcess[] {
  return kinds.map((kind) => {
    const fails = kind === 'retrying' ? `if (attempt === 1) throw new Error('no luck yet');` : '';
    const handler = `${before} effect(taskId + ' ' + lease.version); ${after} ${fails} return 'by the first';`;
    const file = effects.file;
    const [task, name] = [nameOf(kind), `first-${kind}`];
    return spawnRunner({ url: t.url, name, task, effects: file, handler, diesAt, ttlMs });
  });
}

function secondHandlers({ file }: Effects): Handler[] {
  return kinds.map((kind) =>
    defineTask({ name: nameOf(kind) }).handle(({ taskId, attempt, lease }) => {
      appendFileSync(file, `second ${taskId} ${lease.version}\n`);
      if (kind === 'retrying' && attempt === 1) throw new Error('no luck yet');
      return 'by the second';
    }),
  );
}

/** Lets the leases of the dead run out (test/runner/lost-lease.db.test.ts waits for it), and a second runner go on. */
async function goOn({ t, effects }: Crowd): Promise<void> {
  await expireLeases(t);
  await t.run(secondHandlers(effects), { name: 'second' });
  const unended = `select count(*)::int as n from taskledger.open_tasks where state in ('pending', 'leased')`;
  await expect
    .poll(async () => (await t.pool.query<{ n: number }>(unended)).rows[0]!.n, { timeout: 15_000, interval: 20 })
    .toBe(0);
}

async function expectExplained({ t, effects, ids }: Crowd, firstEffects: number): Promise<void> {
  const byTask = effectsByTask(await effects.lines());
  for (const kind of kinds) {
    const done = byTask.get(ids[kind]) ?? [];
    expect(done.filter(({ runner }) => runner !== 'second')).toHaveLength(firstEffects);
    expect(unexplainedEffects(await t.ledger.history(ids[kind]), done)).toEqual([]);
  }
  expect(await tokensThatDoNotIncrease(t)).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
}

interface End {
  readonly state: string;
  /** Any of these. */
  readonly attempt: readonly number[];
  readonly output?: string;
}

/** What the model demands of each kind of task, by what the killed runner left behind. */
const ends: Readonly<Record<Failpoint['leaves'], Readonly<Record<Kind, End>>>> = {
  nothing: {
    standard: { state: 'completed', attempt: [1], output: 'by the second' },
    protected: { state: 'completed', attempt: [1], output: 'by the second' },
    retrying: { state: 'completed', attempt: [2], output: 'by the second' },
  },
  'a lease': {
    standard: { state: 'completed', attempt: [2], output: 'by the second' },
    protected: { state: 'in_doubt', attempt: [1] },
    retrying: { state: 'completed', attempt: [2], output: 'by the second' },
  },
  'its outcome': {
    standard: { state: 'completed', attempt: [1], output: 'by the first' },
    protected: { state: 'completed', attempt: [1], output: 'by the first' },
    // It may have leased its own retry before it died.
    retrying: { state: 'completed', attempt: [2, 3], output: 'by the second' },
  },
};

async function expectEnds({ t, ids }: Crowd, leaves: Failpoint['leaves']): Promise<void> {
  for (const kind of kinds) {
    const { attempt, ...end } = ends[leaves][kind];
    const state = await t.ledger.get(ids[kind]);
    expect(state).toMatchObject({ ...end, refused_results: 0 });
    expect(attempt).toContain(state.attempt);
  }
}

test.each(failpoints.map((one) => [one.at, one] as const))(
  'I2, I3 and I4 hold, every effect explained, when kill -9 hits as %s',
  async (_at, failpoint) => {
    const c = await crowd();
    const first = firstRunners(c, failpoint);
    await Promise.all(first.map(({ exited }) => exited));
    expect(first.map(({ child }) => child.signalCode)).toEqual(kinds.map(() => 'SIGKILL'));
    await goOn(c);
    await expectEnds(c, failpoint.leaves);
    await expectExplained(c, failpoint.effects);
  },
);

const inside = [
  { what: 'claim', events: ['task.leased'], leaves: 'a lease', effects: 0 },
  { what: 'settle', events: ['task.completed', 'task.attempt_failed'], leaves: 'its outcome', effects: 1 },
] as const;

test.each(inside.map((one) => [one.what, one] as const))(
  'the same holds when it hits while a %s runs inside the database, which then commits',
  async (_what, cell) => {
    const c = await crowd();
    await using held = await holdEvents(c.t, cell.events);
    const first = firstRunners(c, {});
    await held.waiting(kinds.length);
    for (const { child } of first) child.kill('SIGKILL');
    await Promise.all(first.map(({ exited }) => exited));
    await held.release();
    await goOn(c);
    await expectEnds(c, cell.leaves);
    await expectExplained(c, cell.effects);
  },
);
