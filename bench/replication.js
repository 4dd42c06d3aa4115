// Two sites on this machine, joined: how much they ship, how late, how soon they agree after what separated them, and which
// process spends the time of the processor. Events are tasks submitted at ams with submitMany, one each; nobody runs them.
import {
  gateCost,
  joinWithHistory,
  lagUnderLoad,
  lost,
  partition,
  pull,
  repair,
  sustained,
} from './replication/parts.js';
import { openTwoSites } from './replication/two-sites.js';
import { requireSome } from './require-some.js';
import { temporaryDirectory, undoable } from './undo.js';

export const sizes = {
  full: { history: 200_000, steadySeconds: 30, gateEvents: 50_000, cutSeconds: 60, missing: 1_000_000 },
  whole: {
    parts: ['sustained', 'lag', 'partition', 'repair'],
    history: 50_000,
    steadySeconds: 10,
    gateEvents: 20_000,
    cutSeconds: 15,
    missing: 120_000,
  },
  quick: { history: 50_000, steadySeconds: 8, gateEvents: 20_000, cutSeconds: 10, missing: 100_000 },
};

/** In this order: a part finds the sites as those before left them. The first one is always there. */
const parts = {
  join: joinWithHistory,
  sustained,
  lag: lagUnderLoad,
  gate: gateCost,
  partition,
  lost,
  repair,
  pull,
};

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
  requireSome('--parts', names ?? [], Object.keys(parts));
  return Object.entries(parts).filter(([name]) => name === 'join' || names === undefined || names.includes(name));
}

export async function measure({ size, parts: names = size.parts, tell }) {
  const wanted = chosen(names);
  const { directory, remove } = temporaryDirectory('replication');
  const measures = {};
  const sites = await openTwoSites(directory);
  const close = undoable(() => sites.close());
  try {
    for (const [name, measurePart] of wanted) {
      measures[name] = await measurePart(sites, size);
      tell(`${name}\n${inLines(measures[name])}`);
      await requireHealthy(sites);
    }
    return { postgres: sites.ams.server.described, measures };
  } finally {
    await close();
    await remove();
  }
}

function inLines(measure, indent = '  ') {
  return Object.entries(measure)
    .map(([name, value]) =>
      value !== null && typeof value === 'object' && !Array.isArray(value)
        ? `${indent}${name}\n${inLines(value, `${indent}  `)}`
        : `${indent}${name.padEnd(34)}${Array.isArray(value) ? value.join(', ') : value}`,
    )
    .join('\n');
}
