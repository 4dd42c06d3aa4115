import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Claim } from '../../src/ledger/claim.ts';
import { outcomeOf, claimAs, expireLeases, settleThese } from '../support/leases.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';

const kinds = ['completed', 'failed', 'retry', 'released', 'aborted', 'in_doubt'] as const;
const actors = [0, 1] as const;

/** Commands name claims and tasks by a number that is taken modulo what exists: any sequence makes sense. */
const command = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('submit' as const),
      attempts: fc.integer({ min: 1, max: 3 }),
      isProtected: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('claim' as const),
      actor: fc.constantFrom(...actors),
      tasks: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      actor: fc.constantFrom(...actors),
      claim: fc.nat(20),
      kinds: fc.array(fc.constantFrom(...kinds), { minLength: 3, maxLength: 3 }),
      isWrongSecret: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'abort' as const,
        'retry' as const,
        'reschedule' as const,
        'resolve' as const,
        'progress' as const,
      ),
      task: fc.nat(20),
      number: fc.integer({ min: 0, max: 2 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'expire' as const }) },
  { weight: 2, arbitrary: fc.constant({ do: 'sweep' as const }) },
);

type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

class World {
  readonly t: TestLedger;
  readonly tasks: string[] = [];
  /** What each actor ever claimed; it forgets nothing, so it also sends results of lost and settled leases. */
  readonly claims: Claim[][] = [[], []];

  /** Of this run alone: the database is shared by all runs of a property. */
  readonly name: string;

  constructor(t: TestLedger, run: number) {
    this.t = t;
    this.name = `run.${run}`;
  }

  /** After every sequence: fencing tokens grow (I2), every history folds (I3) to what the tables and views say (I4). */
  async check(): Promise<void> {
    expect(await tokensThatDoNotIncrease(this.t)).toEqual([]);
    expect(await differencesFromLog(this.t, this.tasks)).toEqual([]);
    expect(await statesThatDiffer(this.t, this.name)).toEqual([]);
  }

  async run(step: Command): Promise<void> {
    const { ledger, pool } = this.t;
    switch (step.do) {
      case 'submit': {
        const call = { retry: { attempts: step.attempts }, protected: step.isProtected };
        this.tasks.push((await ledger.submit(this.name, this.tasks.length, call)).id);
        return;
      }
      case 'claim': {
        const claim = await claimAs(pool, { names: [this.name], maxTasks: step.tasks, runner: `r${step.actor}` });
        if (claim !== undefined) this.claims[step.actor]!.push(claim);
        return;
      }
      case 'settle':
        return this.#settle(step);
      case 'expire':
        return expireLeases(this.t);
      case 'sweep':
        await ledger.sweep();
        return;
      case 'abort':
      case 'retry':
      case 'reschedule':
      case 'resolve':
      case 'progress':
        return this.#ask(step.do, step.task, step.number);
    }
  }

  async #settle({ actor, claim: at, kinds: how, isWrongSecret }: Extract<Command, { do: 'settle' }>): Promise<void> {
    const mine = this.claims[actor]!;
    const claim = mine[at % Math.max(1, mine.length)];
    if (claim === undefined) return;
    const held = isWrongSecret ? { ...claim, secret: 'guessed' } : claim;
    const outcomes = claim.leases.map((lease, i) => outcomeOf(lease, how[i]!, { retryInMs: 0 }));
    const verdicts = await settleThese(this.t.pool, [held], outcomes);
    if (isWrongSecret) expect(verdicts.map(({ verdict }) => verdict)).toEqual(outcomes.map(() => 'unknown'));
  }

  async #ask(
    what: 'abort' | 'retry' | 'reschedule' | 'resolve' | 'progress',
    at: number,
    number: number,
  ): Promise<void> {
    const { ledger, pool } = this.t;
    const id = this.tasks[at % Math.max(1, this.tasks.length)];
    if (id === undefined) return;
    if (what === 'abort') await ledger.abort(id);
    else if (what === 'retry') await ledger.retry(id);
    else if (what === 'reschedule') await ledger.reschedule(id, { priority: number - 1 });
    else if (what === 'progress') {
      const claim = this.claims.flat().findLast(({ leases }) => leases.some((lease) => lease.taskId === id));
      const values = [claim?.claimId ?? null, claim?.secret ?? null, id, JSON.stringify({ page: number })];
      await pool.query('select taskledger.report_progress($1, $2, $3, checkpoint => $4)', values);
    } else {
      const outcome = (['completed', 'failed', 'rerun'] as const)[number]!;
      const answer = await ledger.resolve(id, { outcome }).catch((error: unknown) => error);
      // Anything else that it throws is a fault.
      if (answer instanceof Error) expect(answer).toMatchObject({ code: 'TASKLEDGER_WRONG_STATE' });
    }
  }
}

/** I2: the fencing tokens of every task, in the order they were recorded, strictly increase. */
async function tokensThatDoNotIncrease({ pool }: TestLedger): Promise<unknown[]> {
  const { rows } = await pool.query(
    `select task_id, token, before from (
       select task_id, array[epoch, version] as token, lag(array[epoch, version]) over (partition by task_id order by seq) as before
         from taskledger.events where type = 'task.leased') t
      where token <= before`,
  );
  return rows as unknown[];
}

/** What the view everybody reads says is what the log says. */
async function statesThatDiffer({ pool, ledger }: TestLedger, name: string): Promise<string[]> {
  const { rows } = await pool.query<{ id: string; state: string; version: number }>(
    'select id, state, version from taskledger.tasks where name = $1',
    [name],
  );
  const differ: string[] = [];
  for (const { id, state, version } of rows) {
    const told = await ledger.get(id);
    if (told.state !== state || told.version !== version) {
      differ.push(`${id}: log ${told.state} v${told.version}, view ${state} v${version}`);
    }
  }
  return differ;
}

/** A failing property prints its seed and path; FAST_CHECK_SEED repeats one. */
const parameters = (numRuns: number): { numRuns: number; seed?: number } => {
  const seed = process.env['FAST_CHECK_SEED'];
  return { numRuns, ...(seed === undefined ? {} : { seed: Number(seed) }) };
};

test('I2, I3 and I4 hold after any sequence of commands by two actors', async () => {
  const t = await testLedger();
  let run = 0;
  const property = fc.asyncProperty(fc.array(command, { minLength: 5, maxLength: 40 }), async (commands) => {
    const world = new World(t, (run += 1));
    for (const one of commands) await world.run(one);
    await world.check();
  });
  await fc.assert(property, parameters(40));
});

test('I2, I3 and I4 hold when two actors send their commands at the same time, and none fails', async () => {
  const t = await testLedger();
  let run = 0;
  const commands = fc.array(command, { minLength: 5, maxLength: 25 });
  const property = fc.asyncProperty(commands, commands, async (one, other) => {
    const world = new World(t, (run += 1));
    for (let i = 0; i < 5; i += 1) await world.run({ do: 'submit', attempts: 1 + (i % 3), isProtected: i === 4 });
    // Each settles what it claimed itself; tasks are shared.
    const act = async (mine: Command[], actor: 0 | 1): Promise<void> => {
      for (const each of mine) await world.run('actor' in each ? { ...each, actor } : each);
    };
    await Promise.all([act(one, 0), act(other, 1)]);
    await world.check();
  });
  await fc.assert(property, parameters(25));
});
