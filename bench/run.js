#!/usr/bin/env node
// `npm run bench -- NAME [--json] [--quick] [--rounds N] [--peers a,b]`
// Imports nothing but Node's own modules until the packages are there and a Node that every peer accepts is running.
import { parseArgs } from 'node:util';
import { checkBuild, installPackages, withPeersNode } from './prepare.js';

const benchmarks = {
  drain: 'how fast 100 000 waiting tasks are run, in tuned batches and one at a time',
  submit: 'how fast tasks are submitted, in batches and singly inside an app transaction',
  sustained: 'the drain with sealing and projecting, until the last event is sealed and projected',
  latency: 'from the call of submit to the start of the handler, on an idle system',
  projections: 'what sealing and each projection cost per event, and the bytes they keep',
  functions: 'what each SQL function costs with a million open tasks and no statistics',
  search: 'a page of list among ten million tasks, filter by filter, with statistics and without',
  proven: 'from an event to its block and its projection under load, verifying, and memory',
  verify: 'sealing and verifying ten million events, and the memory that takes',
  memory: 'the memory of a daemon, a runner and a verification, under load',
  recovery: 'how long a killed runner, a killed Postgres and an abort are felt',
  replication: 'between two sites: events a second, lag, CPU per process, partition, repair, pull',
  isolation: 'what an attempt costs inline, in a warm child and in a fresh one',
  rebuild: 'how long making the open tasks anew from a log of a million events takes, and the comparison',
};

const usage = `npm run bench -- NAME [options]

${Object.entries(benchmarks)
  .map(([name, what]) => `  ${name.padEnd(13)}${what}`)
  .join('\n')}

  --quick          a fifth of the tasks, one round: to see that it works, not to quote
  --rounds N       how often each peer has its turn (default 3)
  --peers A,B      only these (taskledger, graphile-worker, pg-boss, bare-log)
  --baseline DIR   another checkout of taskledger, after npm ci there, as one more peer of drain, submit and latency
  --parts A,B      of replication: only these (sustained, lag, gate, partition, repair, pull)
  --json           print the results file instead of the table
`;

const fail = (message) => {
  process.stderr.write(`${message}\n\n${usage}`);
  process.exit(2);
};

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
        rounds: { type: 'string' },
        peers: { type: 'string' },
        baseline: { type: 'string' },
        parts: { type: 'string' },
      },
    });
    return { ...values, name: positionals[0], extra: positionals.slice(1) };
  } catch (error) {
    return fail(error.message);
  }
}

const options = readArguments();
if (options.help) {
  process.stdout.write(usage);
  process.exit(0);
}
if (!Object.hasOwn(benchmarks, options.name ?? ''))
  fail(`Expected the name of a benchmark, found ${options.name ?? 'none'}.`);
if (options.extra.length > 0) fail(`Expected one name, found also ${options.extra.join(' ')}.`);
const rounds = Number(options.rounds ?? (options.quick ? 1 : 3));
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 50)
  fail(`--rounds: expected 1 to 50, found ${options.rounds}.`);

checkBuild();
installPackages();
if (!withPeersNode()) {
  if (options.name === 'functions') {
    const { measureFunctions } = await import('./functions.js');
    await measureFunctions(options);
    process.exit(0);
  }
  if (options.name === 'verify') {
    const { measureVerify } = await import('./verify.js');
    await measureVerify(options);
    process.exit(0);
  }
  if (options.name === 'proven') {
    const { measureProven } = await import('./proven.js');
    await measureProven(options);
    process.exit(0);
  }
  if (options.name === 'memory') {
    const { measureMemory } = await import('./memory.js');
    await measureMemory(options);
    process.exit(0);
  }
  if (options.name === 'recovery') {
    const { measureRecovery } = await import('./recovery.js');
    await measureRecovery(options);
    process.exit(0);
  }
  if (options.name === 'replication') {
    const { measureReplication } = await import('./replication.js');
    await measureReplication({ ...options, parts: options.parts?.split(',') });
    process.exit(0);
  }
  if (options.name === 'isolation') {
    const { measureIsolation } = await import('./isolation.js');
    await measureIsolation(options);
    process.exit(0);
  }
  if (options.name === 'rebuild') {
    const { measureRebuild } = await import('./rebuild.js');
    await measureRebuild(options);
    process.exit(0);
  }
  if (options.name === 'search') {
    const { measureSearch } = await import('./search.js');
    await measureSearch(options);
    process.exit(0);
  }
  if (options.name === 'projections') {
    const { measureProjections } = await import('./projections.js');
    await measureProjections(options);
    process.exit(0);
  }
  const { runBenchmark } = await import('./benchmark.js');
  await runBenchmark({ ...options, rounds, peers: options.peers?.split(',') });
}
