// Rounds are interleaved (A B C A B C …): a machine that slows down for a minute slows everybody down.
import { killProcesses } from './processes.js';

const secondsPerTrial = 120;

/** One turn of one peer, in a database of its own that is dropped afterwards. */
async function trial(server, open, measure, variant) {
  const database = 'bench_turn';
  const url = await server.createDatabase(database);
  const peer = open({ timed: server.timed });
  try {
    return await within(secondsPerTrial, async () => {
      await peer.setup(url);
      await measure.prepare?.(peer, measure.tasks);
      await server.settle(url);
      const result = await measure.run(peer, measure.tasks, variant);
      await measure.check?.(peer, measure.tasks);
      return figuresOf(result, measure.tasks);
    });
  } catch (error) {
    killProcesses();
    return { error: error.message };
  } finally {
    await within(10, () => peer.close()).catch(() => {});
    await server.dropDatabase(database);
  }
}

function figuresOf({ seconds, cpuSeconds, samples }, tasks) {
  if (samples !== undefined) {
    const sorted = samples.toSorted((a, b) => a - b);
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)];
    return { p50: at(0.5), p99: at(0.99) };
  }
  const perTask = Object.fromEntries(Object.entries(cpuSeconds).map(([who, used]) => [who, (used / tasks) * 1e6]));
  return { perSecond: tasks / seconds, seconds, cpuMicrosPerTask: perTask };
}

async function within(seconds, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * @param openers name → function that makes a peer
 * @returns per peer and variant: { peer, version, variant, rounds: [figures or { error }] }
 */
export async function measureInterleaved(server, openers, measure, rounds, progress) {
  const series = Object.entries(openers).flatMap(([peer, open]) => {
    const { version, ...probe } = open({ timed: server.timed });
    return (measure.variants(probe) ?? []).map((variant) => ({ peer, version, open, variant, rounds: [] }));
  });
  for (let round = 1; round <= rounds; round++) {
    for (const one of series) {
      const result = await trial(server, one.open, measure, one.variant);
      one.rounds.push(result);
      progress(`${measure.title} · round ${round}/${rounds} · ${one.peer} (${one.variant.label}): ${brief(result)}`);
    }
  }
  return series.map(({ peer, version, variant, rounds: figures }) => ({ peer, version, variant, rounds: figures }));
}

function brief(result) {
  if (result.error !== undefined) return `failed: ${result.error}`;
  if (result.p50 !== undefined) return `p50 ${result.p50.toFixed(2)} ms, p99 ${result.p99.toFixed(2)} ms`;
  const micros = Object.values(result.cpuMicrosPerTask).reduce((sum, part) => sum + part, 0);
  return `${Math.round(result.perSecond)} /s, ${micros.toFixed(0)} µs CPU per task`;
}
