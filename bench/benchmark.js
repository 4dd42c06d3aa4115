// A benchmark that gives everybody their turns on one server: from its start to the figures.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { measureInterleaved } from './measure.js';
import { peers } from './peers/index.js';
import { taskledger } from './peers/taskledger.js';
import { profileDirectory } from './profile.js';
import { profileProcesses } from './processes.js';
import { table } from './report.js';
import { requireSome } from './require-some.js';
import { startServer } from './server.js';
import { summarise } from './summary.js';

/**
 * @param measuresOf size → the measures; what one is: see README.md
 * @returns what a part of parts.js does
 */
export const sideBySide =
  (measuresOf) =>
  async ({ size, rounds = size.rounds, peers: wanted, parts, baseline, profile, deadline, tell, progress }) => {
    const measures = chooseMeasures(measuresOf(size), parts);
    const openers = choosePeers(wanted, progress);
    if (baseline !== undefined) openers.baseline = checkoutPeer(baseline);
    if (profile) profileProcesses(profileDirectory());
    const server = await startServer({}, { profile });
    try {
      const results = {
        rounds,
        postgres: server.described,
        measures: [],
      };
      const startedAt = performance.now();
      for (const [i, measure] of measures.entries()) {
        // Each measure has its share of the time; what is over, no further round is begun.
        const share = startedAt + ((deadline - startedAt) * (i + 1)) / measures.length;
        const late = () => performance.now() > share;
        const series = await measureInterleaved({
          ...{ server, openers, measure, late, progress },
          ...times(size, rounds),
        });
        const { id, title, unit, figures, everyVariant, tasks, goals = [] } = measure;
        const summary = summarise(measure, series);
        results.measures.push({ id, title, unit, figures, everyVariant, tasks, goals, summary, series });
        tell(table(measure, summary));
      }
      return results;
    } finally {
      await server.stop();
    }
  };

/** With another number of rounds than its own, every configuration has its turn in each. */
const times = (size, rounds) => ({ rounds, tries: rounds === size.rounds ? size.tries : undefined });

function chooseMeasures(measures, wanted) {
  if (wanted === undefined) return measures;
  const known = measures.map(({ id }) => id);
  requireSome('--parts', wanted, known);
  return measures.filter(({ id }) => wanted.includes(id));
}

/** Another checkout of ours, built, measured as one more peer: `taskledger ÷ it` is then what changed since. */
function checkoutPeer(directory) {
  const tree = pathToFileURL(`${resolve(directory)}/`);
  if (!existsSync(new URL('dist/index.js', tree)))
    throw new Error(`expected --baseline to name a checkout after \`npm ci\`, with dist/; found none in ${directory}`);
  return (tools) => taskledger(tools, { name: 'baseline', tree });
}

/** Peers that can't be made (taskledger before it is built) are left out with a message. */
function choosePeers(wanted = Object.keys(peers), progress) {
  requireSome('--peers', wanted, Object.keys(peers));
  const usable = {};
  for (const name of wanted) {
    try {
      peers[name]({ timed: undefined });
      usable[name] = peers[name];
    } catch (error) {
      progress(`Skipping ${name}: ${error.message}.`);
    }
  }
  return usable;
}
