import fc from 'fast-check';
import { beforeAll, expect, test } from 'vitest';
import type { Claim } from '../../src/ledger/claim.ts';
import { outcomeOf, claimAs, expireLeases, settleThese } from '../support/leases.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';

const kinds = ['completed', 'failed', 'retry', 'released', 'aborted'] as const;
const actors = [0, 1] as const;

/** Commands name claims and tasks by a number that is taken modulo what exists: any sequence makes sense. */
const command = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('submit' as const), attempts: fc.integer({ min: 1, max: 3 }), isProtected: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('claim' as const), actor: fc.constantFrom(...actors), tasks: fc.integer({ min: 1, max: 3 }) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      actor: fc.constantFrom(...actors),
      claim: fc.nat(20),
      kinds: fc.array(fc.constantFrom(...kinds), { minLength: 3, maxLength: 3 }),
      isWrongSecret: fc.boolean().map((b) => b),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constantFrom('abort' as const, 'retry' as const, 'reschedule' as const, 'resolve' as const, 'progress' as const),
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

  constructor(t: TestLedger) {
    this.t = t;
  }

  async run(step: Command): Promise<void> {
    const { ledger, pool } = this.t;
    switch (step.do) {
      case 'submit': {
        const call = { retry: { attempts: step.attempts }, protected: step.isProtected };
        this.tasks.push((await ledger.submit('some.task', this.tasks.length, call)).id);
        return;
      }
      case 'claim': {
        const claim = await claimAs(pool, { maxTasks: step.tasks, runner: `r${step.actor}` });
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

  async #ask(what: 'abort' | 'retry' | 'reschedule' | 'resolve' | 'progress', at: number, number: number): Promise<void> {
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
      const isInDoubt = (await ledger.get(id)).state === 'in_doubt';
      const resolved = ledger.resolve(id, { outcome });
      if (isInDoubt) await resolved;
      else await expect(resolved).rejects.toMatchObject({ code: 'TASKLEDGER_WRONG_STATE' });
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
async function statesThatDiffer({ pool, ledger }: TestLedger): Promise<string[]> {
  const { rows } = await pool.query<{ id: string; state: string; version: number }>(
    'select id, state, version from taskledger.tasks',
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

async function checkInvariants(t: TestLedger): Promise<void> {
  expect(await tokensThatDoNotIncrease(t)).toEqual([]);
  expect(await differencesFromLog(t)).toEqual([]);
  expect(await statesThatDiffer(t)).toEqual([]);
}

/** Failing runs print their seed and path; `FAST_CHECK_SEED` repeats one. */
const parameters = {
  numRuns: 25,
  endOnFailure: false,
  ...(process.env['FAST_CHECK_SEED'] === undefined ? {} : { seed: Number(process.env['FAST_CHECK_SEED']) }),
};

/** One database per run would cost more than the run: tasks of earlier runs are taken out of the way instead. */
async function clear({ pool }: TestLedger): Promise<void> {
  await pool.query(`set session_replication_role = replica`);
  await pool.query('truncate taskledger.open_tasks, taskledger.claims');
}
