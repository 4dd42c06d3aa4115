// Runs one benchmark: starts the server, gives everybody their turns, reports, cleans up – also when interrupted.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { benchmarks } from './benchmarks/index.js';
import { describeMachine } from './machine.js';
import { measureInterleaved } from './measure.js';
import { peers } from './peers/index.js';
import { taskledger } from './peers/taskledger.js';
import { killProcesses } from './processes.js';
import { round3, table, writeResults } from './report.js';
import { startServer } from './server.js';
import { summarise } from './summary.js';

const progress = (line) => process.stderr.write(`${line}\n`);

export async function runBenchmark({ name, rounds, quick, json, peers: wanted, baseline }) {
  const openers = choosePeers(wanted);
  if (baseline !== undefined) openers.baseline = checkoutPeer(baseline);
  const stopOnSignals = (server) => {
    let stopping = false;
    const stop = async (code) => {
      if (stopping) return;
      stopping = true;
      killProcesses();
      await server.stop();
      process.exit(code);
    };
    process.on('SIGINT', () => stop(130));
    process.on('SIGTERM', () => stop(143));
    process.on('SIGHUP', () => stop(129));
    return () => stopping;
  };

  const server = await startServer();
  const interrupted = stopOnSignals(server);
  try {
    const results = {
      benchmark: name,
      at: new Date().toISOString(),
      quick,
      rounds,
      machine: describeMachine(),
      postgres: { version: server.version, settings: server.settings },
      measures: [],
    };
    for (const measure of benchmarks[name](quick)) {
      const series = await measureInterleaved(server, openers, measure, rounds, progress);
      const { title, unit, tasks, goals } = measure;
      const summary = summarise(measure, series);
      results.measures.push({ title, unit, tasks, goals, summary, series });
      if (!json) process.stdout.write(`${table(measure, summary)}\n`);
    }
    const file = writeResults(results, quick);
    if (json) process.stdout.write(`${JSON.stringify(results, round3, 2)}\n`);
    else process.stdout.write(`\n${quick ? 'Quick run: the figures mean little. ' : ''}Written to bench/${file}\n`);
    await server.stop();
  } catch (error) {
    if (interrupted()) return; // everything fails at once when the server goes
    killProcesses();
    await server.stop();
    throw error;
  }
}

/** Another checkout of ours, built, measured as one more peer: `taskledger ÷ it` is then what changed since. */
function checkoutPeer(directory) {
  const tree = pathToFileURL(`${resolve(directory)}/`);
  if (!existsSync(new URL('dist/index.js', tree))) {
    progress(`Expected --baseline to name a checkout after \`npm ci\`, with dist/; found none in ${directory}.`);
    process.exit(2);
  }
  return (tools) => taskledger({ ...tools, name: 'baseline', tree });
}

/** Peers that can't be made (taskledger before it is built) are left out with a message. */
function choosePeers(wanted = Object.keys(peers)) {
  const usable = {};
  for (const name of wanted) {
    if (!Object.hasOwn(peers, name)) {
      progress(`Expected --peers to name some of ${Object.keys(peers).join(', ')}; found ${name}.`);
      process.exit(2);
    }
    try {
      peers[name]({ timed: undefined });
      usable[name] = peers[name];
    } catch (error) {
      progress(`Skipping ${name}: ${error.message}.`);
    }
  }
  return usable;
}
