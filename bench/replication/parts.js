// What is measured between two sites, part by part; each takes { ams, fra, … } as `openTwoSites` answers them, and `load`.
import { setTimeout as sleep } from 'node:timers/promises';
import { performance } from 'node:perf_hooks';
import { percentile } from '../milliseconds.js';
import { cpuDuring } from './cpu.js';
import { recordHeldBack, recordMany, recordSteadily } from './load.js';
import { followEvents, readHead, readProgress, slope, until, untilProven, watch } from './watch.js';

const patientMs = 120_000;
/** Of what P10 and P11 call load. */
const perSecond = 5000;
/** Events the sites may be behind before no more are recorded: about a second of them. */
const mostBehind = 12_000;

function percentiles(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share) => Math.round(percentile(sorted, share));
  return { p50_ms: at(0.5), p99_ms: at(0.99), samples: sorted.length };
}

const seconds = (ms) => Math.round(ms / 100) / 10;

/** A site that begins with nothing, beside one that has a history. */
export async function joinWithHistory(sites, { history }) {
  await recordMany(sites.ams.ledger, history);
  await sites.ams.ledger.whenCaughtUp({ timeoutMs: patientMs });
  const { answer: took, micros } = await cpuDuring([sites.ams, sites.fra], async () => {
    const startedAt = performance.now();
    await sites.join('logical', false);
    await untilProven(sites, patientMs);
    return performance.now() - startedAt;
  });
  return {
    events: history,
    seconds_until_proven: seconds(took),
    events_per_second: Math.round((history / took) * 1000),
    cpu_us_per_event: micros(history),
  };
}

/** The highest rate at which neither replication nor proving nor any projection of either site falls behind. */
export async function sustained(sites, { steadySeconds }) {
  const watching = watch(sites, 100);
  const behind = ({ recorded, ...site }) => recorded - Math.min(site.applied, site.proven, site.projected, site.local);
  const lag = () => (watching.last() === undefined ? 0 : behind(watching.last()));
  const load = recordHeldBack(sites.ams.ledger, lag, mostBehind);
  try {
    for (const startedAt = performance.now(); lag() < mostBehind && performance.now() - startedAt < 10_000;)
      await sleep(50);
    await sleep(1000);
    const { answer, micros } = await cpuDuring([sites.ams, sites.fra], async () => {
      const [from, at] = [watching.samples.length, performance.now()];
      const before = load.recorded();
      await sleep(steadySeconds * 1000);
      return { samples: watching.samples.slice(from), events: load.recorded() - before, ms: performance.now() - at };
    });
    const { samples, events, ms } = answer;
    const rate = (of) => Math.round(slope(samples, of));
    return {
      recorded_per_second: Math.round((events / ms) * 1000),
      applied_per_second: rate(({ applied }) => applied),
      proven_per_second: rate(({ proven }) => proven),
      lag_grows_by_per_second: {
        applied: rate(({ recorded, applied }) => recorded - applied),
        proven: rate(({ recorded, proven }) => recorded - proven),
        projected_at_fra: rate(({ recorded, projected }) => recorded - projected),
        projected_at_ams: rate(({ recorded, local }) => recorded - local),
      },
      cpu_us_per_event: micros(events),
    };
  } finally {
    await load.stop();
    await watching.stop();
    await untilProven(sites, patientMs);
  }
}

/** From the commit of an event at ams until it is at fra, and until it is proven there, at 5 000 events a second. */
export async function lagUnderLoad(sites, { steadySeconds }) {
  const following = followEvents(sites, 5);
  let calls = 0;
  const load = recordSteadily(sites.ams.ledger, perSecond, (seq, at) => {
    calls += 1;
    if (calls > 100 && calls % 3 === 0) following.expect(seq, at);
  });
  let counted;
  try {
    counted = await cpuDuring([sites.ams, sites.fra], async () => {
      const before = load.recorded();
      await sleep(steadySeconds * 1000);
      return load.recorded() - before;
    });
  } finally {
    await load.stop();
  }
  const { applied, proven } = await following.end(patientMs);
  const { answer: events, micros } = counted;
  return {
    recorded_per_second: Math.round(events / steadySeconds),
    applied: percentiles(applied),
    proven: percentiles(proven),
    cpu_us_per_event: micros(events),
  };
}

/** What the closed gate costs the apply worker: the same events in turns, while nobody proves them and nobody opens the gate. */
export async function gateCost(sites, { gateEvents }) {
  const { ams, fra } = sites;
  await fra.rest();
  const micros = { open: [], closed: [] };
  const turn = async (closed) => {
    await fra.pool.query('select taskledger.close_gate($1, $2)', ['ams', closed]);
    const { micros: per } = await cpuDuring([fra], async () => {
      await recordMany(ams.ledger, gateEvents);
      const { seq } = await readHead(ams);
      await until(fra, `event ams/${seq} to be applied`, ({ applied }) => applied >= seq, patientMs);
    });
    micros[closed ? 'closed' : 'open'].push(per(gateEvents)['fra apply worker']);
  };
  try {
    await turn(false); // not counted
    micros.open.length = 0;
    for (const closed of [false, true, true, false]) await turn(closed);
  } finally {
    await fra.pool.query('select taskledger.close_gate($1, false)', ['ams']);
    await fra.serve();
  }
  await untilProven(sites, patientMs);
  return { events_per_turn: gateEvents, apply_worker_cpu_us_per_event: micros };
}

/** The way between the sites is cut for a while, under load; before that, what it carries is counted. */
export async function partition(sites, size) {
  await sites.join('logical', true);
  const bytesPerEvent = await countBytes(sites);
  return { ...(await cutOff(sites, size)), bytes_on_the_wire_per_event: bytesPerEvent };
}

/** The same, and the slot is lost meanwhile, as by `max_slot_wal_keep_size`. */
export async function lost(sites, size) {
  await sites.join('logical', true);
  await untilProven(sites, patientMs);
  return await cutOff(sites, size, () => dropSlots(sites.ams));
}

async function cutOff(sites, { cutSeconds }, meanwhile = () => Promise.resolve()) {
  const { ams, fra } = sites;
  const load = recordSteadily(ams.ledger, perSecond);
  try {
    await sleep(2000);
    sites.cut();
    const atCut = load.recorded();
    await meanwhile();
    await sleep(cutSeconds * 1000);
    sites.mend();
    const recorded = load.recorded() - atCut;
    const { answer: healed, micros } = await cpuDuring([ams, fra], () => untilProven(sites, patientMs));
    return {
      cut_for_seconds: cutSeconds,
      events_meanwhile: recorded,
      seconds_from_heal_until_proven: seconds(healed),
      cpu_us_per_missing_event: micros(recorded),
    };
  } finally {
    sites.mend();
    await load.stop();
    await untilProven(sites, patientMs);
  }
}

/** Every byte on every connection between the sites, there and back, while 5 000 events a second are recorded, per event. */
async function countBytes(sites) {
  const { ams, links } = sites;
  const bytes = () => links.toAms.bytes() + links.toFra.bytes();
  await recordMany(ams.ledger, 1);
  await untilProven(sites, patientMs);
  const before = bytes();
  const load = recordSteadily(ams.ledger, perSecond);
  await sleep(3000);
  await load.stop();
  await untilProven(sites, patientMs);
  return Math.round((bytes() - before) / load.recorded());
}

/** The slot is lost, and with it all that is recorded until the sites see each other again. */
export async function repair(sites, { missing }) {
  const { ams, fra } = sites;
  await sites.join('logical', true);
  await untilProven(sites, patientMs);
  sites.cut();
  try {
    await dropSlots(ams);
    await recordMany(ams.ledger, missing);
    await ams.ledger.whenCaughtUp({ timeoutMs: patientMs });
  } finally {
    sites.mend();
  }
  const { applied: had } = await readProgress(fra);
  const startedAt = performance.now();
  const began = await until(fra, 'the repair to begin', ({ applied }) => applied > had, 60_000);
  const { micros, answer } = await cpuDuring([ams, fra], () => untilProven(sites, 300_000));
  return {
    events: missing,
    seconds_until_proven: seconds(performance.now() - startedAt),
    seconds_until_it_began: seconds(began),
    pulled_and_proven_per_second: Math.round((missing / answer) * 1000),
    cpu_us_per_event: micros(missing),
  };
}

/** Transport pull, in place of logical replication. */
export async function pull(sites, load) {
  await sites.join('pull', false);
  await dropSlots(sites.ams); // as `taskledger site add` does
  await dropSlots(sites.fra);
  await untilProven(sites, patientMs);
  const shorter = { ...load, steadySeconds: load.steadySeconds / 2 };
  return { sustained: await sustained(sites, shorter), lag: await lagUnderLoad(sites, shorter) };
}

/** Drops the slots of a site, as soon as nobody holds them any more. */
async function dropSlots({ pool }) {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const { rows } = await pool.query(
      'select slot_name, active_pid from pg_replication_slots where database = current_database()',
    );
    if (rows.length === 0) return;
    for (const { slot_name: slot, active_pid: pid } of rows) {
      if (pid === null) await pool.query('select pg_drop_replication_slot($1)', [slot]).catch(() => undefined);
      else await pool.query('select pg_terminate_backend($1)', [pid]);
    }
    await sleep(50);
  }
  throw new Error('expected the slots to be free within 5 s, found them held');
}
