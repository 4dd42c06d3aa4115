import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import type { Claim } from '../../src/ledger/claim.ts';
import { differencesFromLog, testLedger, type TestLedger } from '../support/ledger.ts';
import { claimSome } from '../support/leases.ts';
import { loginWith } from '../support/logins.ts';

/** All that a lease is, its end included, and how many events there are. */
async function everything({ pool }: TestLedger): Promise<unknown> {
  const { rows } = await pool.query(
    `select (select json_agg(t order by task_id) from taskledger.open_tasks t) as tasks,
            (select json_agg(c order by claim_id) from taskledger.claims c) as claims,
            (select count(*) from taskledger.events) as events`,
  );
  return rows[0];
}

/** Two runners of their own users: one holds a lease, the other has everything but its secret. */
async function twoRunners(): Promise<{ t: TestLedger; victim: Claim; own: Claim; attacker: pg.Pool; digest: string }> {
  const t = await testLedger();
  await t.ledger.submit('some.task', { account: 'her-account' });
  const first = await loginWith(t.url, 'taskledger_runner');
  const second = await loginWith(t.url, 'taskledger_runner');
  const [holder, attacker] = [first, second].map(({ url }) => new pg.Pool({ connectionString: url, max: 1 }));
  onTestFinished(async () => {
    await Promise.all([holder!.end(), attacker!.end()]);
  });
  const victim = await claimSome(holder!, 1, { runner: 'holder', host: 'her-host' });
  await t.ledger.submit('some.task', { account: 'his' });
  const own = await claimSome(attacker!, 1);
  const { rows } = await t.pool.query<{ digest: string }>(
    "select encode(secret_digest, 'hex') as digest from taskledger.claims where claim_id = $1",
    [victim.claimId],
  );
  return { t, victim, own, attacker: attacker!, digest: rows[0]!.digest };
}

const nowhere = '00000000-0000-7000-8000-000000000000';
const outcomes = ['completed', 'failed', 'retry', 'released', 'aborted', 'in_doubt'];

const settle = 'select * from taskledger.settle($1, $2, $3, $4, $5, $6, $7, $8)';
const progress = 'select taskledger.report_progress($1, $2, $3, 0.5) as answer';

test('another runner’s lease cannot be settled, renewed, reported on or given back without its secret', async () => {
  const { t, victim, own, attacker, digest } = await twoRunners();
  const task = victim.leases[0]!.taskId;
  const guesses = ['', 'guessed', own.secret, digest, `\\x${digest}`, nowhere, '%', null];
  const before = await everything(t);
  for (const secret of guesses) {
    for (const outcome of outcomes) {
      for (const [held, secrets, claimId] of [
        [[victim.claimId], [secret], victim.claimId],
        [[victim.claimId, victim.claimId], [secret, secret], victim.claimId],
        // His own claim, properly held, with her task; and her claim beside his own.
        [[own.claimId], [own.secret], victim.claimId],
        [[own.claimId], [own.secret], own.claimId],
        [[own.claimId, victim.claimId], [own.secret, secret], victim.claimId],
        [[victim.claimId, own.claimId], [own.secret, own.secret], victim.claimId],
        [[null], [secret], victim.claimId],
      ]) {
        const { rows } = await attacker.query(settle, [held, secrets, [task], [claimId], [outcome], ['{}'], [0], [0]]);
        expect(rows).toEqual([{ task_id: task, claim_id: claimId, verdict: 'unknown' }]);
      }
    }
    const renewed = await attacker.query('select * from taskledger.renew($1, $2)', [[victim.claimId], [secret]]);
    expect(renewed.rows).toEqual([]);
    for (const claimId of [victim.claimId, own.claimId, null]) {
      const { rows } = await attacker.query(progress, [claimId, secret, task]);
      expect(rows).toEqual([{ answer: 'lost' }]);
    }
  }
  expect(await everything(t)).toEqual(before);
  expect(await differencesFromLog(t)).toEqual([]);
});

test('what does not exist and what belongs to another runner are answered alike, and no answer tells more', async () => {
  const { t, victim, attacker } = await twoRunners();
  const task = victim.leases[0]!.taskId;
  const told = async (text: string, values: unknown[]): Promise<string> => {
    const answer = await attacker.query<object>(text, values).then(
      ({ rows }) => rows.map((row) => Object.values(row).at(-1) as unknown),
      (error: unknown) => (error as Error).message,
    );
    return JSON.stringify(answer);
  };
  const at = async (claimId: string, taskId: string): Promise<string[]> => [
    await told(settle, [[claimId], ['guessed'], [taskId], [claimId], ['completed'], ['{}'], [0], [0]]),
    await told(settle, [[claimId], [], [taskId], [claimId], ['completed'], ['{}'], [0], [0]]),
    await told('select lease_until from taskledger.renew($1, $2)', [[claimId], ['guessed']]),
    await told(progress, [claimId, 'guessed', taskId]),
    await told('select taskledger.report_progress($1, $2, $3)', [claimId, 'guessed', taskId]),
  ];
  const hers = await at(victim.claimId, task);
  expect(hers).toEqual(await at('999999', nowhere));
  expect(hers.join(' ')).not.toMatch(new RegExp([victim.secret, 'holder', 'her-host', 'her-account'].join('|')));
  expect(await differencesFromLog(t)).toEqual([]);
});

test('nobody waits for a runner whose guess is being checked: a wrong secret takes no lock', async () => {
  const { t, victim, attacker } = await twoRunners();
  const client = await attacker.connect();
  onTestFinished(() => client.release(true));
  await client.query('begin');
  await client.query('select * from taskledger.renew($1, $2)', [[victim.claimId], ['guessed']]);
  await client.query(progress, [victim.claimId, 'guessed', victim.leases[0]!.taskId]);
  for (const table of ['claims', 'open_tasks']) {
    expect((await t.pool.query(`select from taskledger.${table} for update nowait`)).rowCount).toBe(2);
  }
  await client.query('rollback');
});
