#!/usr/bin/env node
// `npm run bench` for the whole table, `npm run bench -- NAME` for one part, `npm run bench -- report` for the page.
// Imports nothing but Node's own modules until the packages are there and a Node that every peer accepts is running.
import { parseArgs } from 'node:util';
import { parts, wholeTable } from './parts.js';
import { checkBuild, installPackages, withPeersNode } from './prepare.js';

const minutes = Math.ceil(wholeTable.reduce((sum, name) => sum + parts[name].seconds, 0) / 60);
const usage = `npm run bench                     the whole table, about ${minutes} minutes on two processors
npm run bench -- NAME [options]   one part at its full size
npm run bench -- report           writes docs/benchmarks.md and its chart from bench/results/

${Object.entries(parts)
  .map(([name, { what, seconds }]) => `  ${name.padEnd(13)}${what}${seconds === undefined ? ' (by name only)' : ''}`)
  .join('\n')}

  --quick          small, one round: to see that it works, not to quote
  --rounds N       how often each peer has its turn
  --peers A,B      only these (taskledger, graphile-worker, pg-boss, bare-log)
  --baseline DIR   another checkout of taskledger, after npm ci there, as one more peer
  --parts A,B      of a part that has several: only these (of drain: batches, singly)
  --profile        what pg_stat_statements saw of each turn, per task; CPU profiles of our processes in bench/profiles/
  --json           the results instead of tables
`;

class WrongUsage extends Error {}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      quick: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      peers: { type: 'string' },
      baseline: { type: 'string' },
      parts: { type: 'string' },
    },
  });
  const [name, ...extra] = positionals;
  if (name !== undefined && name !== 'report' && !Object.hasOwn(parts, name))
    throw new WrongUsage(`Expected the name of a benchmark, found ${name}.`);
  if (extra.length > 0) throw new WrongUsage(`Expected one name, found also ${extra.join(' ')}.`);
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && (!Number.isInteger(rounds) || rounds < 1 || rounds > 50))
    throw new WrongUsage(`--rounds: expected 1 to 50, found ${values.rounds}.`);
  return { ...values, name, rounds, peers: values.peers?.split(','), parts: values.parts?.split(',') };
}

async function main() {
  const options = readArguments();
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (options.name === 'report') {
    const { writePage } = await import('./page/write-page.js');
    process.stdout.write(`Written: ${writePage().join(', ')}\n`);
    return 0;
  }
  checkBuild();
  installPackages();
  if (withPeersNode()) return undefined;
  const { runPart, runWholeTable, undoAtTheEnd } = await import('./whole.js');
  undoAtTheEnd();
  return options.name === undefined ? await runWholeTable(options) : await runPart(options);
}

try {
  const status = await main();
  if (status !== undefined) process.exit(status);
} catch (error) {
  const wrong = error instanceof WrongUsage || error.code?.startsWith('ERR_PARSE_ARGS');
  const where = process.env.NODE_DEBUG?.includes('bench') ? error.stack : `${error.message} (NODE_DEBUG=bench: where)`;
  process.stderr.write(wrong ? `${error.message}\n\n${usage}` : `The benchmark failed: ${where}\n`);
  process.exit(wrong ? 2 : 4);
}
