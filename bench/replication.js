// Two sites on this machine, joined: how much they ship, how late, how soon they agree after what separated them, and which
// process spends the time of the processor. Events are tasks submitted at ams with submitMany, one each; nobody runs them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describeMachine } from './machine.js';
import { gateCost, joinWithHistory, lagUnderLoad, partition, pull, repair, sustained } from './replication/parts.js';
import { openTwoSites } from './replication/two-sites.js';
import { writeResults } from './report.js';

const loads = {
  full: { history: 200_000, steadySeconds: 30, gateEvents: 50_000, cutSeconds: 60, missing: 1_000_000 },
  quick: { history: 50_000, steadySeconds: 8, gateEvents: 20_000, cutSeconds: 10, missing: 100_000 },
};

/** In this order: a part finds the sites as those before left them. The first one is always there. */
const parts = {
  join: joinWithHistory,
  sustained,
  lag: lagUnderLoad,
  gate: gateCost,
  partition,
  repair,
  pull,
};

const goals = [
  ['P10 sustained, events/s', '≥ 12 000', ({ sustained: found }) => found?.recorded_per_second],
  ['P10 CPU µs per event, of replication', '≤ 60', ({ sustained: found }) => found?.cpu_us_per_event.replication],
  ['P10 CPU µs per event, of both sites', '≤ 60', ({ sustained: found }) => found?.cpu_us_per_event.in_all],
  ['P10 lag p99 at 5 000 events/s, ms', '≤ 500', ({ lag: found }) => found?.applied.p99_ms],
  ['proven lag p99 at 5 000 events/s, ms', '≤ 10 000', ({ lag: found }) => found?.proven.p99_ms],
  ['P11 proven after a partition, s', '≤ 30', ({ partition: found }) => found?.seconds_from_heal_until_proven],
  ['P11 repaired and proven, s', '≤ 300', ({ repair: found }) => found?.seconds_until_proven],
];

/** The first sign that a figure is of something broken. @throws Error */
async function requireHealthy({ ams, fra }) {
  for (const { name, pool } of [ams, fra]) {
    const { rows } = await pool.query(
      `select (select count(*)::int from taskledger.quarantine) as quarantined, (select count(*)::int from taskledger.faults) as faults,
              (select count(*)::int from taskledger.streams where halted is not null) as halted`,
    );
    const found = Object.entries(rows[0]).filter(([, count]) => count > 0);
    if (found.length > 0) throw new Error(`expected site ${name} without findings, found ${JSON.stringify(rows[0])}`);
  }
}

function chosen(names) {
  const unknown = (names ?? []).filter((name) => !Object.hasOwn(parts, name));
  if (unknown.length > 0)
    throw new Error(`--parts: expected some of ${Object.keys(parts).join(', ')}; found ${unknown.join(', ')}`);
  return Object.entries(parts).filter(([name]) => name === 'join' || names === undefined || names.includes(name));
}

export async function measureReplication({ quick, json, parts: names }) {
  const wanted = chosen(names);
  const directory = mkdtempSync(path.join(tmpdir(), 'taskledger-replication-'));
  const measures = {};
  let sites;
  const end = async () => {
    await sites?.close();
    rmSync(directory, { recursive: true, force: true });
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.once(signal, () => void end().finally(() => process.exit(1)));
  try {
    sites = await openTwoSites(directory);
    for (const [name, measure] of wanted) {
      measures[name] = await measure(sites, quick ? loads.quick : loads.full);
      if (!json) process.stdout.write(`${name}\n${tell(measures[name])}\n`);
      await requireHealthy(sites);
    }
    const { version, settings } = sites.ams.server;
    const at = new Date().toISOString();
    const results = {
      benchmark: 'replication',
      at,
      quick,
      machine: describeMachine(),
      postgres: { version, settings },
      measures,
    };
    const file = writeResults(results, quick || names !== undefined);
    if (json) process.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
    else process.stdout.write(`${goalLines(measures)}\nWritten to bench/${file}\n`);
  } finally {
    await end();
  }
}

function tell(measure, indent = '  ') {
  return Object.entries(measure)
    .map(([name, value]) =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? `${indent}${name}\n${tell(value, `${indent}  `)}`
        : `${indent}${name.padEnd(34)}${Array.isArray(value) ? value.join(', ') : value}`,
    )
    .join('\n');
}

function goalLines(measures) {
  return goals
    .map(([what, goal, of]) => [what, goal, of(measures)])
    .filter(([, , found]) => found !== undefined)
    .map(([what, goal, found]) => `${what.padEnd(40)}${String(found).padStart(8)}   goal ${goal}`)
    .join('\n');
}
