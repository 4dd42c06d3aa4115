// Rounds are interleaved (A B C A B C …): a machine that slows down for a minute slows everybody down.
import { percentile } from './milliseconds.js';
import { killProcesses } from './processes.js';
import { profileTable, readProfile, resetProfile } from './profile.js';
import { bestVariants } from './summary.js';
import { within } from './within.js';

const secondsPerTurn = 120;

/** One turn of one peer, in a database of its own that is dropped afterwards. */
async function turn(server, open, measure, variant) {
  const database = 'bench_turn';
  const url = await server.createDatabase(database);
  const peer = open(server);
  const { tasks } = measure;
  try {
    return await within(measure.secondsPerTurn ?? secondsPerTurn, async () => {
      await peer.setup(url);
      await measure.prepare?.(peer, tasks, variant);
      await server.settle(url);
      if (server.profile) await resetProfile(url);
      const result = await measure.run(peer, tasks, variant);
      const profile = server.profile ? await readProfile(url, result.tasks ?? tasks) : undefined;
      await measure.check?.(peer, tasks, variant);
      return { ...figuresOf(result, tasks), ...(profile === undefined ? {} : { profile }) };
    });
  } catch (error) {
    killProcesses();
    return { error: error.message };
  } finally {
    await within(20, () => peer.close()).catch(() => {});
    await server.dropDatabase(database).catch(() => {}); // the next turn says what is wrong
  }
}

function figuresOf({ seconds, cpuSeconds = {}, samples, figures, series, tasks: done }, wanted) {
  const tasks = done ?? wanted;
  const perTask = Object.fromEntries(Object.entries(cpuSeconds).map(([who, used]) => [who, (used / tasks) * 1e6]));
  return {
    ...(samples === undefined ? { perSecond: tasks / seconds, seconds } : percentiles(samples)),
    ...figures,
    cpuMicrosPerTask: perTask,
    ...(series === undefined ? {} : { series }),
  };
}

function percentiles(samples) {
  const sorted = samples.toSorted((a, b) => a - b);
  return { p50: percentile(sorted, 0.5), p99: percentile(sorted, 0.99) };
}

/**
 * @param openers name → function that makes a peer
 * @param rounds how many; no new one is begun once `late()`
 * @param tries after so many rounds only the best configuration of each peer has further turns; without it, all have all
 * @returns per peer and variant: { peer, version, variant, rounds: [figures or { error }] }
 */
export async function measureInterleaved({ server, openers, measure, rounds, tries = rounds, late, progress }) {
  const series = Object.entries(openers).flatMap(([peer, open]) => {
    const { version, ...probe } = open(server);
    return (measure.variants(probe) ?? []).map((variant) => ({ peer, version, open, variant, rounds: [] }));
  });
  for (let round = 1; round <= rounds && (round === 1 || !late()); round++) {
    const taking = round > tries && !measure.everyVariant ? bestVariants(measure, series) : series;
    for (const one of taking) {
      const result = await turn(server, one.open, measure, one.variant);
      one.rounds.push(result);
      progress(`${measure.title} · round ${round}/${rounds} · ${one.peer} (${one.variant.label}): ${brief(result)}`);
      if (result.profile !== undefined) progress(profileTable(result.profile));
    }
  }
  return series.map(({ peer, version, variant, rounds: figures }) => ({ peer, version, variant, rounds: figures }));
}

function brief(result) {
  if (result.error !== undefined) return `failed: ${result.error}`;
  const micros = Object.values(result.cpuMicrosPerTask).reduce((sum, part) => sum + part, 0);
  const cpu = micros > 0 ? `, ${micros.toFixed(0)} µs CPU per task` : '';
  if (result.p50 !== undefined) return `p50 ${result.p50.toFixed(2)} ms, p99 ${result.p99.toFixed(2)} ms${cpu}`;
  return `${Math.round(result.perSecond)} /s${cpu}`;
}
