// What the levels of isolation cost: an attempt in a warm child beside one in the runner's event loop, and one in a fresh
// child beside the same program started by hand. First the executions alone, one attempt after the other; then whole
// tasks, by a runner with one place on a server of its own.
import { spawn } from 'node:child_process';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { systemClock } from '../dist/clock.js';
import { migrate, openLedger } from '../dist/index.js';
import { Executions } from '../dist/runner/execute/executions.js';
import { LogTail } from '../dist/runner/execute/log-tail.js';
import { makeProject } from './project.js';
import { startServer } from './server.js';

export const sizes = {
  full: { rounds: 5, warm: 500, starts: 12, tasks: 2000 },
  whole: { rounds: 3, warm: 300, starts: 5, tasks: 600 },
  quick: { rounds: 2, warm: 100, starts: 3, tasks: 300 },
};

/** What an execution asks of an attempt; nothing stops it. */
const attemptOf = (handler, input) => ({
  taskId: '00000000-0000-7000-8000-000000000000',
  name: handler.definition.name,
  input,
  attempt: 1,
  lease: { epoch: 1, version: 2, site: 'local' },
  runAt: new Date(),
  checkpoint: undefined,
  stoppedFor: undefined,
  signal: new AbortController().signal,
  progress: () => Promise.resolve(),
  tail: new LogTail(systemClock),
});

async function attemptIn(executions, handler, input) {
  const { outputJson, failure } = await executions.of(handler).run(attemptOf(handler, input), handler);
  if (outputJson === undefined || JSON.parse(outputJson).next !== input + 1)
    throw new Error(`${handler.definition.name} answered ${JSON.stringify(failure)}`);
}

/** From the start of the program until it has ended and what it said has been read. */
function startBare(bareProgram, input) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bareProgram, String(input)], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.once('close', () => (text === `{"next":${input + 1}}` ? resolve() : reject(new Error(`it said ${text}`))));
  });
}

/** Milliseconds of one call, as the mean of `count` calls one after the other. */
async function meanMs(count, call) {
  const startedAt = performance.now();
  for (let i = 0; i < count; i += 1) await call(i);
  return (performance.now() - startedAt) / count;
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** The turns of one round; whoever goes first goes last in the next. */
async function roundOf(executions, project, { warm, starts }, backwards) {
  const { inline, pool, fresh } = project.handlers;
  const turns = [
    ['inline', warm, (i) => attemptIn(executions, inline, i)],
    ['pool', warm, (i) => attemptIn(executions, pool, i)],
    ['bare', starts, (i) => startBare(path.join(project.directory, 'isolation-bare.js'), i)],
    ['process', starts, (i) => attemptIn(executions, fresh, i)],
  ];
  const ms = {};
  for (const [name, count, call] of backwards ? turns.reverse() : turns) ms[name] = await meanMs(count, call);
  return ms;
}

async function measureAttempts(project, load) {
  const executions = new Executions(systemClock);
  try {
    // Whoever is measured has been started once, and what starts read is in the page cache.
    await roundOf(executions, project, { warm: 20, starts: 2 }, false);
    const rounds = [];
    for (let i = 0; i < load.rounds; i += 1) rounds.push(await roundOf(executions, project, load, i % 2 === 1));
    const ms = Object.fromEntries(
      Object.keys(rounds[0]).map((name) => [name, median(rounds.map((round) => round[name]))]),
    );
    return {
      ms,
      poolOverInlineMs: median(rounds.map((round) => round.pool - round.inline)),
      processOverBare: median(rounds.map((round) => round.process / round.bare)),
      rounds,
    };
  } finally {
    await executions.stop();
  }
}

/** Milliseconds per task of a runner with one place, from the end of the first attempt to the end of the last. */
async function drain(server, handler, tasks) {
  const name = handler.definition.name.replace('bench.', '');
  const url = await server.createDatabase(`isolation_${name}`);
  await migrate({ connectionString: url });
  const ledger = await openLedger({ connectionString: url });
  await ledger.submitMany(
    handler.definition,
    Array.from({ length: tasks }, (_, i) => ({ input: i })),
  );
  await server.settle(url);
  const runner = ledger.runner({ handlers: [handler], concurrency: 1 });
  const endedAt = [];
  const done = new Promise((resolve) => {
    ledger.signals.subscribe(({ name: signal }) => {
      if (signal === 'attempt.ended' && endedAt.push(performance.now()) === tasks) resolve();
    });
  });
  await runner.start();
  await done;
  const ms = (endedAt.at(-1) - endedAt[0]) / (tasks - 1);
  await runner.stop();
  await ledger.close();
  await server.dropDatabase(`isolation_${name}`);
  return ms;
}

async function measureTasks({ handlers: { inline, pool } }, load) {
  const server = await startServer();
  try {
    const rounds = [];
    for (let i = 0; i < Math.ceil(load.rounds / 2); i += 1)
      rounds.push({
        inline: await drain(server, inline, load.tasks),
        pool: await drain(server, pool, load.tasks),
      });
    const of = (name) => median(rounds.map((round) => round[name]));
    const poolOverInlineMs = median(rounds.map((round) => round.pool - round.inline));
    return { ms: { inline: of('inline'), pool: of('pool') }, poolOverInlineMs, rounds };
  } finally {
    await server.stop();
  }
}

export async function measure({ size, tell }) {
  const project = await makeProject('isolation', ['isolation-handlers.js', 'isolation-bare.js']);
  try {
    const attempts = await measureAttempts(project, size);
    const tasks = await measureTasks(project, size);
    const show = (value) => value.toFixed(value < 10 ? 2 : 1);
    const lines = (ms) =>
      Object.entries(ms).map(
        ([name, value]) =>
          `  ${(name === 'bare' ? 'the same program by hand' : name).padEnd(34)}${show(value).padStart(8)} ms`,
      );
    tell(['\none attempt, the executions alone', ...lines(attempts.ms)].join('\n'));
    tell(['\none task, by a runner with one place', ...lines(tasks.ms)].join('\n'));
    return { attempts, tasks };
  } finally {
    await project.remove();
  }
}
