import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { claimTasks, type Claim } from '../../src/ledger/claim.ts';
import { presentPins } from '../../src/ledger/present-pins.ts';
import { settleOutcomes } from '../../src/ledger/settle.ts';
import { sweepOnce } from '../../src/ledger/sweep.ts';
import { testLedger, type TestLedger } from '../support/ledger.ts';
import { outcomeOf } from '../support/leases.ts';

const rowsInserted = 300_000;

/** A connection that tells the plan of every statement, those inside functions too, as notices. */
async function explainingClient(t: TestLedger): Promise<{ client: pg.Client; plans: string[] }> {
  const client = new pg.Client({ connectionString: t.url });
  await client.connect();
  onTestFinished(() => client.end());
  const plans: string[] = [];
  client.on('notice', ({ message = '' }) => {
    if (message.includes('plan:')) plans.push(message);
  });
  await client.query(`load 'auto_explain'`);
  const settings = {
    ...{
      log_nested_statements: 'on',
      log_analyze: 'on',
      log_timing: 'off',
      log_level: 'notice',
      log_min_duration: '0',
    },
  };
  for (const [name, value] of Object.entries(settings)) await client.query(`set auto_explain.${name} = ${value}`);
  await client.query('set client_min_messages = notice');
  return { client, plans };
}

/** Tasks that were never announced to the planner: no statistics, and plans cached while there were none. */
async function insertTasks({ pool }: TestLedger): Promise<void> {
  const submitted = `{"name":"some.task","input":1,"queue":"default","priority":0,"retry":{"attempts":3}}`;
  await pool.query(
    `with made as (
       select taskledger.new_task_id() as id, g, nextval('taskledger.event_seq') as seq from generate_series(1, $2::int) g
     ), logged as (
       insert into taskledger.events (site, seq, realm, epoch, task_id, version, type, occurred_at, actor, data)
       select 'ams', seq, 'ams', 1, id, 1, 'task.submitted', date_trunc('milliseconds', now()), 'test', $1::json from made
     )
     insert into taskledger.open_tasks (task_id, run_at, submitted_seq, version, attempts, priority, protected, state, realm,
                                        submitted_site, name, queue, start_before, deadline)
     select id, now() - interval '1 hour', seq, 1, 3, 0, false, 'pending', 'ams', 'ams', 'some.task', 'default',
            case when g % 2 = 0 then now() + interval '1 day' end, case when g % 3 = 0 then now() + interval '1 day' end
       from made`,
    [submitted, rowsInserted],
  );
}

interface Work {
  readonly claimed: Claim | undefined;
  readonly scans: Readonly<Record<string, string[]>>;
  readonly rowsTouched: Readonly<Record<string, number>>;
}

/** Every hot call once; what each scanned sequentially, and how many rows its scans met. */
async function everyCall({ client, plans }: { client: pg.Client; plans: string[] }, maxTasks: number): Promise<Work> {
  const scans: Record<string, string[]> = {};
  const rowsTouched: Record<string, number> = {};
  const watched = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    plans.length = 0;
    const result = await work();
    scans[what] = plans.flatMap((plan) => plan.match(/Seq Scan on (open_tasks|events\w*)\b/g) ?? []);
    rowsTouched[what] = plans.reduce((sum, plan) => sum + rowsMet(plan), 0);
    return result;
  };
  await watched('submit', () => client.query(`select * from taskledger.submit('other.task', '1')`));
  const many = `select * from taskledger.submit_many('[{"input":1,"key":"k"},{"input":2,"priority":3}]', '{"name":"other.task"}')`;
  await watched('submit_many', () => client.query(many));
  await watched('submit_many of a known key', () => client.query(many.replace(',{"input":2,"priority":3}', '')));
  await watched('present_lanes', () => client.query(`select taskledger.present_lanes('{some.task,other.task}', null)`));
  const request = { names: ['some.task'], maxTasks, runner: 'r', host: 'h', ttlMs: 60_000 };
  const claimed = await watched('claim', () => claimTasks(client, request));
  await watched('present_pins', () => presentPins(client, ['some.task', 'other.task']));
  const offers = [{ name: 'some.task', pin: '^2', leased: { plugin: 'some@2.1.0' } }];
  await watched('claim of what nobody else runs', () => claimTasks(client, { ...request, offers }));
  await watched('sweep', () => sweepOnce(client, 500));
  const held = claimed === undefined ? [] : [claimed];
  const leases = claimed?.leases ?? [];
  const outcomes = leases.map((lease, i) => outcomeOf(lease, i % 10 === 0 ? 'retry' : 'completed'));
  await watched('settle', () => settleOutcomes(client, held, outcomes, 100));
  return { claimed, scans, rowsTouched };
}

/** Rows that went through the scans of a plan, those removed by filters included: what its work is made of. */
function rowsMet(plan: string): number {
  const met = [...plan.matchAll(/(?:Scan|Join|Sort|Nested Loop|Aggregate)\b.*\(actual rows=([\d.]+) loops=(\d+)\)/g)];
  const removed = [...plan.matchAll(/Rows Removed by (?:Join )?Filter: (\d+)/g)];
  return (
    met.reduce((n, [, rows, loops]) => n + Number(rows) * Number(loops), 0) +
    removed.reduce((n, [, r]) => n + Number(r), 0)
  );
}

test('plans cached while there were no tasks stay good with 300 000 of them and no statistics', async () => {
  const t = await testLedger();
  await t.pool.query('alter table taskledger.open_tasks set (autovacuum_enabled = off)');
  await t.pool.query('alter table taskledger.events_ams set (autovacuum_enabled = off)');
  const watching = await explainingClient(t);
  // Six times: the server has then settled on a generic plan wherever it may choose.
  for (let i = 0; i < 6; i += 1) await everyCall(watching, 500);
  await insertTasks(t);
  const { claimed, scans, rowsTouched } = await everyCall(watching, 500);
  expect(claimed?.leases).toHaveLength(500);
  expect(Object.entries(scans).filter(([, found]) => found.length > 0)).toEqual([]);
  // A plan that compares every pair, or walks the table, meets 250 000 rows and more.
  for (const [call, rows] of Object.entries(rowsTouched))
    expect([call, rows < 20_000, rows]).toEqual([call, true, rows]);
  expect(rowsTouched['submit']).toBeLessThan(100);
  expect(rowsTouched['sweep']).toBeLessThan(100);
  expect(rowsTouched['present_lanes']).toBeLessThan(100);
  expect(rowsTouched['present_pins']).toBeLessThan(100);
  expect(rowsTouched['claim of what nobody else runs']).toBeLessThan(100);
});
