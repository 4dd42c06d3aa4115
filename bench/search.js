// How long a page of `list` takes among ten million projected tasks: every filter, the first page and one from the middle,
// with statistics that are old (of the first tenth) and with fresh ones. A tenth of the tasks without any comes first.
// The rows are written directly, as of tasks submitted a tenth of a second after one another.
import { performance } from 'node:perf_hooks';
import pg from 'pg';
import { migrate } from '../dist/index.js';
import { searchTasks } from '../dist/projections/search-tasks.js';
import { percentile } from './milliseconds.js';
import { fillTasks, firstAt, placeAt, taskSpacingMs, withoutAutovacuum } from './search-fill.js';
import { startServer } from './server.js';

export const sizes = { full: { tasks: 10_000_000 }, quick: { tasks: 1_000_000 } };
const calls = 50;
/** A case that is far too slow is not called fifty times. */
const patienceWithMs = 5000;

/** Without statistics many are. */
const patienceWithoutMs = 500;

/** Each with the share of the tasks it accepts in `search-fill.js`. */
function searches(tasks) {
  const at = (share) => new Date(firstAt + share * tasks * taskSpacingMs);
  return {
    'no filter': {},
    'state completed': { state: 'completed' },
    'state failed': { state: 'failed' },
    'state pending': { state: 'pending' },
    'state in_doubt, 50 tasks': { state: 'in_doubt' },
    'state missed, none': { state: 'missed' },
    'error code, every failed one': { errorCode: 'HANDLER_ERROR' },
    'error code, 1 in 10 000': { errorCode: 'CARD_EXPIRED' },
    'error code, none': { errorCode: 'NO_SUCH_CODE' },
    'state failed and error code': { state: 'failed', errorCode: 'CARD_EXPIRED' },
    key: { key: `order-${Math.floor(tasks / 2)}` },
    'key, none': { key: 'no-such-key' },
    'key and name': { key: `order-${Math.floor(tasks / 2)}`, name: 'pay.out' },
    'name, 9 in 10': { name: 'pay.out' },
    'name, 1 in 100 000': { name: 'close.year' },
    'queue, 9 in 10': { queue: 'default' },
    'queue, 1 in 1000': { queue: 'slow' },
    'queue, its oldest tasks only': { queue: 'retired' },
    'name and state': { name: 'close.year', state: 'completed' },
    'queue and state': { queue: 'slow', state: 'failed' },
    'queue and name, never together': { queue: 'slow', name: 'close.year' },
    'since, the last hundredth': { since: at(0.99) },
    'since, the last 20 tasks': { since: new Date(firstAt + (tasks - 20) * taskSpacingMs) },
    'since, in the future': { since: at(2) },
    'until, the newest tenth left out': { until: at(0.9) },
    'until, the oldest hundredth': { until: at(0.01) },
    'until, before the first': { until: at(-1) },
    'since and until, a hundredth': { since: at(0.5), until: at(0.51) },
    'since and until, 20 tasks': { since: at(0.5), until: new Date(at(0.5).getTime() + 20 * taskSpacingMs) },
    'queue 9 in 10 and since': { queue: 'default', since: at(0.99) },
    'queue 1 in 1000 and since': { queue: 'slow', since: at(0.99) },
    'retired queue and since': { queue: 'retired', since: at(0.99) },
    'state completed and since': { state: 'completed', since: at(0.99) },
    'state failed and since': { state: 'failed', since: at(0.99) },
    'state failed and until': { state: 'failed', until: at(0.01) },
    'error code and since': { errorCode: 'CARD_EXPIRED', since: at(0.5) },
  };
}

async function timed(client, search, page, patienceMs) {
  const ms = [];
  const beganAt = performance.now();
  while (ms.length < calls && (ms.length < 2 || performance.now() - beganAt < patienceMs)) {
    const startedAt = performance.now();
    await searchTasks(client, search, page);
    ms.push(performance.now() - startedAt);
  }
  ms.sort((a, b) => a - b);
  return { calls: ms.length, p50_ms: percentile(ms, 0.5), p99_ms: percentile(ms, 0.99) };
}

const analyze = 'analyze taskledger.task_rows, taskledger.task_state_rows, taskledger.open_tasks';

function* nodesOf(plan) {
  yield plan;
  for (const child of plan.Plans ?? []) yield* nodesOf(child);
}

/** What EXPLAIN (ANALYZE, BUFFERS) says of the very statement: blocks, rows of the page, how the tasks were found. */
async function explained(client, search, page) {
  const explain = (text, values) => client.query(`explain (analyze, buffers, format json) ${text}`, values);
  const [row] = await searchTasks({ query: explain }, search, page);
  const { Plan: plan } = row['QUERY PLAN'][0];
  const scans = [...nodesOf(plan)].filter(
    (node) => /^task_(state_)?rows_a$/.test(node['Relation Name']) || /Bitmap Index/.test(node['Node Type']),
  );
  return {
    rows: plan['Actual Rows'],
    blocks: plan['Shared Hit Blocks'] + plan['Shared Read Blocks'],
    read: plan['Shared Read Blocks'],
    by: [...new Set(scans.map((node) => node['Index Name'] ?? node['Node Type']))]
      .join(' + ')
      .replaceAll('task_rows_a_', ''),
  };
}

async function measureAll(client, { tasks, patienceMs }, found) {
  for (const [name, search] of Object.entries(searches(tasks))) {
    for (const [where, page] of [
      ['first', {}],
      ['middle', { before: placeAt(Math.floor(tasks / 2)) }],
    ]) {
      const plan = await explained(client, search, page);
      found({ name, page: where, ...(await timed(client, search, page, patienceMs)), ...plan });
    }
  }
}

function line({ name, page, p50_ms, p99_ms, rows, blocks, by }) {
  const numbers = [p50_ms.toFixed(1), p99_ms.toFixed(1), rows, blocks].map((n) => String(n).padStart(9)).join('');
  return `${name.padEnd(34)}${page.padEnd(7)}${numbers}  ${by}`;
}

export async function measure({ size: { tasks }, tell }) {
  const server = await startServer();
  const results = {};
  try {
    const url = await server.createDatabase('search');
    await migrate({ connectionString: url });
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await withoutAutovacuum(client);
    const under = async (statistics, tasks) => {
      tell(`\n${statistics.padEnd(34)}page      p50 ms   p99 ms     rows   blocks  found by`);
      results[statistics] = [];
      const patienceMs = statistics === 'no statistics' ? patienceWithoutMs : patienceWithMs;
      await measureAll(client, { tasks, patienceMs }, (result) => {
        results[statistics].push(result);
        tell(line(result));
      });
    };
    await fillTasks(client, { from: 0, to: tasks / 10, tasks });
    await under('no statistics', tasks / 10);
    await client.query(analyze);
    await fillTasks(client, { from: tasks / 10, to: tasks, tasks });
    await under('statistics of the first tenth', tasks);
    await client.query(analyze);
    await under('after ANALYZE', tasks);
    await client.end();
    return { postgres: server.described, tasks, results };
  } finally {
    await server.stop();
  }
}
