// What each SQL function costs inside the server, with a million open tasks, plans cached while the tables were empty, and
// no statistics: the figures in the headers of migrations/functions/ come from here. Wall time of one session on an
// otherwise idle server, without network, parsing or commit.
import pg from 'pg';
import { migrate } from '../dist/index.js';
import { startServer } from './server.js';

export const sizes = { full: { open: 1_000_000 }, quick: { open: 50_000 } };

/** Runs `body` n times in one session; `per` tasks each time. Microseconds per task. */
async function microseconds(client, { n = 200, per = 1, body, declare = '' }) {
  await client.query(`create or replace function pg_temp.timed() returns float8 language plpgsql as $timed$
    declare v_started timestamptz; i int; v record; ${declare}
    begin
      v_started := clock_timestamp();
      for i in 1..${n} loop ${body}; end loop;
      return extract(epoch from clock_timestamp() - v_started) * 1e6 / ${n * per};
    end $timed$`);
  const { rows } = await client.query('select pg_temp.timed() as us');
  return rows[0].us;
}

const claimAll = (n, runner = 'r') =>
  `create temp table claimed on commit drop as select c.* from generate_series(1, ${n}) g, lateral taskledger.claim('{bench.a}', 1, '${runner}' || g, 'h') c`;
const claimed = `(select claim_id, secret, (tasks::json -> 0 ->> 0)::uuid as task_id from claimed)`;
const settleOne = `taskledger.settle(array[c.claim_id], array[c.secret], array[c.task_id], array[c.claim_id], '{completed}', array[null]::json[], '{0}', '{0}')`;
const reportLog = `for v in select taskledger.report_log(c.claim_id, c.secret, c.task_id, 1, '["a line that says something"]') from ${claimed} c loop null; end loop`;
const ids = (n) =>
  `create temp table ids on commit drop as select task_id from taskledger.open_tasks where name = 'bench.b' and state = 'pending' limit ${n}`;
const each = (n, call) => ({ n: 1, per: n, body: `for v in select task_id from ids loop perform ${call}; end loop` });

const shareLanes = {
  n: 100,
  declare: `l json := taskledger.present_lanes('{bench.lanes}', null);`,
  body: 'perform taskledger.share_lanes(l)',
};

/** name → what to do before, in the same transaction, and what to time. */
const cases = {
  enter_realm: { n: 2000, body: 'perform taskledger.enter_realm()' },
  'payload_problem, 1 kB': {
    body: `perform taskledger.payload_problem('{"items":[' || repeat('{"amount":12.5,"currency":"EUR"},', 30) || '1]}')`,
  },
  is_moment: { n: 2000, body: `perform taskledger.is_moment('2026-01-31T08:00:00Z')` },
  is_retry_policy: { n: 2000, body: `perform taskledger.is_retry_policy('{"attempts":5}')` },
  is_submission: {
    n: 2000,
    body: `perform taskledger.is_submission('a.b', 'default', null, '0', 'k' || i, null, null, null, '{"attempts":3}', null, 'false', null)`,
  },
  submitted_tail: {
    n: 2000,
    body: `perform taskledger.submitted_tail('default', null, '0', 'k' || i, null, null, null, '{"attempts":3}', null, 'false', null)`,
  },
  'unknown_option, per task': {
    n: 20,
    per: 1000,
    declare: `b json := (select json_agg(json_build_object('input', g)) from generate_series(1, 1000) g);`,
    body: `perform taskledger.unknown_option(b, '{}')`,
  },
  new_task_id: { n: 2000, body: 'perform taskledger.new_task_id()' },
  'attempt_report, full': {
    n: 2000,
    body: `perform taskledger.attempt_report('{"exit_code":1,"usage":{"cpu_ms":5},"log_tail":["a","b"]}')`,
  },
  schema_status: { n: 500, body: 'perform taskledger.schema_status()' },
  'submit, plain': { n: 1000, body: `perform taskledger.submit('bench.a', '{"i":1}')` },
  'submit, by way of submit_many': {
    n: 500,
    body: `perform taskledger.submit('bench.a', '{"i":1}', '{"priority":0}')`,
  },
  'submit_many, per task': {
    n: 4,
    per: 5000,
    declare: `b json := (select json_agg(json_build_object('id', gen_random_uuid(), 'input', json_build_object('i', g))) from generate_series(1, 5000) g);`,
    body: `b := (select json_agg(json_build_object('id', gen_random_uuid(), 'input', json_build_object('i', g))) from generate_series(1, 5000) g); perform taskledger.submit_many(b, '{"name":"bench.a"}', strict => false)`,
  },
  'submit_many, per task with a key': {
    n: 4,
    per: 1000,
    body: `perform taskledger.submit_many((select json_agg(json_build_object('input', g, 'key', 'k' || i || '-' || g)) from generate_series(1, 1000) g), '{"name":"bench.a"}')`,
  },
  'submission_answers, per known key': {
    n: 4,
    per: 1000,
    before: `select taskledger.submit_many((select json_agg(json_build_object('input', g, 'key', 'known' || g)) from generate_series(1, 1000) g), '{"name":"bench.a"}')`,
    body: `perform taskledger.submit_many((select json_agg(json_build_object('input', g, 'key', 'known' || g)) from generate_series(1, 1000) g), '{"name":"bench.a"}')`,
  },
  'present_lanes, 1 lane': { n: 500, body: `perform taskledger.present_lanes('{bench.a}', null)` },
  'present_lanes, 41 lanes': { n: 200, body: `perform taskledger.present_lanes('{bench.lanes}', null)` },
  'select distinct of the same lane': {
    n: 1,
    body: `perform distinct queue, priority from taskledger.open_tasks where name = 'bench.a'`,
  },
  'claim(1), everything': { n: 200, body: `perform taskledger.claim('{bench.a}', 1, 'r', 'h')` },
  'claim(1), known lane': {
    n: 200,
    declare: `l text := null;`,
    body: `select * into v from taskledger.claim('{bench.a}', 1, 'r', 'h', 15000, null, l::json); l := json_build_array(json_build_object('name', 'bench.a', 'queue', 'default', 'priority', 0, 'from', v.tasks::json -> 0 ->> 4, 'from_id', v.tasks::json -> 0 ->> 0))::text`,
  },
  'claim(500), per task': { n: 10, per: 500, body: `perform taskledger.claim('{bench.a}', 500, 'r', 'h')` },
  'claim(1), a queue with a cap': { n: 200, body: `perform taskledger.claim('{bench.capped}', 1, 'r', 'h')` },
  'claim(500), a queue with a cap, per task': {
    n: 4,
    per: 500,
    body: `perform taskledger.claim('{bench.capped}', 500, 'r', 'h')`,
  },
  'claim(1), a queue with a rate': { n: 200, body: `perform taskledger.claim('{bench.rated}', 1, 'r', 'h')` },
  'claim(1), a queue that ages otherwise': { n: 200, body: `perform taskledger.claim('{bench.aged}', 1, 'r', 'h')` },
  'claim(500), a queue that ages otherwise, per task': {
    n: 4,
    per: 500,
    body: `perform taskledger.claim('{bench.aged}', 500, 'r', 'h')`,
  },
  'share_lanes, 41 lanes': {
    before: `select taskledger.set_rule('queue', 'aged', '{"ageing_ms":null}')`,
    ...shareLanes,
  },
  'share_lanes, 41 lanes, a queue ages otherwise': shareLanes,
  set_rule: { n: 200, body: `perform taskledger.set_rule('queue', 'q' || i, '{"weight":2}')` },
  read_offers: {
    n: 2000,
    body: `perform taskledger.read_offers('[{"name":"bench.a"},{"name":"bench.b","pin":"p@^1"}]')`,
  },
  present_pins: { n: 500, body: `perform taskledger.present_pins('{bench.a,bench.b}')` },
  'present_pins, one of them known': {
    n: 500,
    body: `perform taskledger.present_pins('{bench.a,bench.b}', '[{"name":"bench.a","pin":"^2"}]')`,
  },
  has_peer: { n: 2000, body: 'perform taskledger.has_peer()' },
  'require_payloads, 100 of 1 kB': {
    n: 50,
    declare: `p json[] := (select array_agg(('{"items":[' || repeat('{"amount":12.5,"currency":"EUR"},', 30) || '1]}')::json) from generate_series(1, 100));`,
    body: 'perform taskledger.require_payloads(p)',
  },
  'take_doubts, none': {
    n: 500,
    body: `perform taskledger.take_doubts('{bench.a}', 10, 'r', gen_random_uuid()::text, 15000)`,
  },
  'recall_claims, per claim': {
    before: claimAll(100),
    n: 1,
    per: 100,
    body: 'perform taskledger.recall_claims((select array_agg(secret) from claimed))',
  },
  'report_log, nobody watches': { before: claimAll(200), n: 1, per: 200, body: reportLog },
  watch_task: {
    before: claimAll(200),
    n: 1,
    per: 200,
    body: `for v in select taskledger.watch_task(c.task_id, gen_random_uuid()) from ${claimed} c loop null; end loop`,
  },
  'report_log, watched': {
    before: `${claimAll(200)}; select taskledger.watch_task(c.task_id, gen_random_uuid()) from ${claimed} c`,
    n: 1,
    per: 200,
    body: reportLog,
  },
  'settle(1)': {
    before: claimAll(300),
    n: 1,
    per: 300,
    body: `for v in select ${settleOne} from ${claimed} c loop null; end loop`,
  },
  'settle(500), per task': {
    before: `create temp table claimed on commit drop as select c.* from generate_series(1, 10) g, lateral taskledger.claim('{bench.a}', 500, 'r', 'h') c`,
    n: 1,
    per: 5000,
    body: `for v in select taskledger.settle(array[c.claim_id], array[c.secret], t.ids, array_fill(c.claim_id, array[500]), array_fill('completed'::text, array[500]), array_fill(null::json, array[500]), array_fill(0, array[500]), array_fill(0, array[500])) from claimed c, lateral (select array_agg((e ->> 0)::uuid) as ids from json_array_elements(c.tasks::json) e) t loop null; end loop`,
  },
  'settle_rest, per outcome': {
    before: `${claimAll(200)}; select ${settleOne} from ${claimed} c`,
    n: 1,
    per: 200,
    body: `for v in select ${settleOne} from ${claimed} c loop null; end loop`,
  },
  'renew, per claim of 100': {
    before: claimAll(100),
    n: 50,
    per: 100,
    body: `perform taskledger.renew((select array_agg(claim_id) from claimed), (select array_agg(secret) from claimed))`,
  },
  report_progress: {
    before: claimAll(200),
    n: 1,
    per: 200,
    body: `for v in select taskledger.report_progress(c.claim_id, c.secret, c.task_id, 0.5, 'half') from ${claimed} c loop null; end loop`,
  },
  arm_doorbell: { n: 500, body: `perform taskledger.arm_doorbell('{bench.a}', 0)` },
  'sweep, nothing due': { n: 200, body: 'perform taskledger.sweep()' },
  'sweep, per expired lease': {
    before: `select taskledger.claim('{bench.a}', 500, 'gone', 'h'); update taskledger.claims set lease_until = now() - interval '1 minute' where runner = 'gone'`,
    n: 1,
    per: 500,
    body: 'perform taskledger.sweep()',
  },
  enter_task: { before: ids(200), ...each(200, 'taskledger.enter_task(v.task_id)') },
  request_reschedule: { before: ids(200), ...each(200, `taskledger.request_reschedule(v.task_id, null, 5, 'r')`) },
  request_abort: { before: ids(200), ...each(200, `taskledger.request_abort(v.task_id, 'r')`) },
  request_retry: {
    before: `${ids(200)}; select taskledger.request_abort(task_id, 'r') from ids`,
    ...each(200, `taskledger.request_retry(v.task_id, 'r')`),
  },
  'request refused (refuse_request)': { before: ids(200), ...each(200, `taskledger.request_retry(v.task_id, 'r')`) },
  resolve: {
    before: `${ids(200)}; update taskledger.open_tasks set state = 'in_doubt' where task_id in (select task_id from ids)`,
    ...each(200, `taskledger.resolve(v.task_id, 'failed', null, 'r')`),
  },
};

const rules = {
  capped: { concurrency: 100_000 },
  rated: { rate: { count: 1_000_000, per_ms: 1000 } },
  aged: { ageing_ms: 600_000 },
};

async function fill(client, tasks) {
  const batch = (name, options) =>
    `select count(*) from taskledger.submit_many((select json_agg(json_build_object('input', g) ${options}) from generate_series(1, 10000) g), '{"name":"${name}"}', strict => false)`;
  for (let i = 0; i < tasks; i += 10_000) await client.query(batch((i / 10_000) % 4 === 3 ? 'bench.b' : 'bench.a', ''));
  await client.query(
    `select count(*) from taskledger.submit_many((select json_agg(json_build_object('input', g, 'priority', g % 41)) from generate_series(1, 4100) g), '{"name":"bench.lanes"}')`,
  );
  for (const [name, rule] of Object.entries(rules)) {
    await client.query(`select taskledger.set_rule('queue', '${name}', '${JSON.stringify(rule)}')`);
    await client.query(
      `select count(*) from taskledger.submit_many((select json_agg(json_build_object('input', g)) from generate_series(1, 4000) g), '{"name":"bench.${name}","queue":"${name}"}')`,
    );
    // A rule that was just set is still looking for leases that were given before.
    await client.query(`select taskledger.claim('{bench.${name}}', 1, 'r', 'h')`);
  }
}

export async function measure({ size, tell }) {
  const server = await startServer();
  try {
    const url = await server.createDatabase('functions');
    await migrate({ connectionString: url });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('alter table taskledger.open_tasks set (autovacuum_enabled = off)');
    // The plans are made now, while the tables are empty, and are not made again.
    await client.query(`select taskledger.claim('{bench.a}', 1, 'r', 'h'), taskledger.sweep()`);
    await fill(client, size.open);
    const results = {};
    for (const [name, { before, ...what }] of Object.entries(cases)) {
      await client.query('begin');
      if (before !== undefined) await client.query(before);
      results[name] = await microseconds(client, what);
      // Rolled back: every case meets the same tables.
      await client.query('rollback');
      tell(`${name.padEnd(40)}${results[name].toFixed(1).padStart(12)} µs`);
    }
    await client.end();
    return { postgres: server.described, open_tasks: size.open, microseconds: results };
  } finally {
    await server.stop();
  }
}
