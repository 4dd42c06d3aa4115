import fc from 'fast-check';
import { expect } from 'vitest';
import type { Claim } from '../../src/ledger/claim.ts';
import type { TestLedger } from './ledger.ts';
import { claimAs, expireLeases, outcomeOf, settleThese } from './leases.ts';

const kinds = ['completed', 'failed', 'retry', 'released', 'aborted', 'in_doubt'] as const;
const actors = [0, 1] as const;

/** Commands name claims and tasks by a number that is taken modulo what exists: any sequence makes sense. */
export const command = fc.oneof(
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

export type Command = typeof command extends fc.Arbitrary<infer C> ? C : never;

/** A ledger whose tasks live through random commands. */
export class World {
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

  async run(step: Command): Promise<void> {
    const { ledger, pool } = this.t;
    switch (step.do) {
      case 'submit': {
        const group = `tenant ${step.attempts}`;
        const call = { retry: { attempts: step.attempts }, protected: step.isProtected, group };
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
      const values = [
        claim?.claimId ?? null,
        claim?.secret ?? null,
        id,
        number === 0 ? null : number / 4,
        number === 1 ? null : `page ${number}`,
        JSON.stringify({ page: number }),
      ];
      await pool.query(
        'select taskledger.report_progress($1, $2, $3, fraction => $4, message => $5, checkpoint => $6)',
        values,
      );
    } else {
      const outcome = (['completed', 'failed', 'rerun'] as const)[number]!;
      const answer = await ledger.resolve(id, { outcome }).catch((error: unknown) => error);
      // Anything else that it throws is a fault.
      if (answer instanceof Error) expect(answer).toMatchObject({ code: 'TASKLEDGER_WRONG_STATE' });
    }
  }
}
