// How long nothing happens: from the start of a program, by npx as its users start it, to its first task, and of `dev` until it
// is ready. Beside it what Node alone takes, and graphile-worker's own command.
import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { makeWorkerUtils } from 'graphile-worker';
import { migrate, openLedger } from '../dist/index.js';
import { openPool } from './pools.js';
import { emptyProject } from './project.js';
import { quiet } from './peers/graphile-worker-quiet.js';
import { startServer } from './server.js';
import { median } from './summary.js';
import { undoable } from './undo.js';

export const sizes = { full: { starts: 7 }, whole: { starts: 3 }, quick: { starts: 1 } };

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const word = 'the handler runs';

/** A user's project: taskledger among its packages, a handler of each that says that it runs. */
function makeProject() {
  const { directory, remove } = emptyProject('cold');
  // PostgreSQL refuses root: its server, as another user, must be able to reach the data directories in here.
  chmodSync(directory, 0o711);
  const at = (...names) => path.join(directory, ...names);
  mkdirSync(at('node_modules', '.bin'));
  mkdirSync(at('tasks'));
  symlinkSync(here('../bin/taskledger.js'), at('node_modules', '.bin', 'taskledger'));
  writeFileSync(
    at('tasks.mjs'),
    `import { defineTask } from 'taskledger';
export const noop = defineTask({ name: 'bench.noop' }).handle(() => { process.stdout.write('${word}\\n'); });\n`,
  );
  writeFileSync(at('tasks', 'noop.js'), `export default () => { process.stdout.write('${word}\\n'); };\n`);
  return { directory, remove };
}

/** Milliseconds from the start of a program until it prints a line with this; then it is told to end. */
async function untilItSays(text, { command, args, cwd, url }) {
  const startedAt = performance.now();
  const child = spawn(command, args, {
    cwd,
    // npx finds its Node by name: the same as everybody's.
    env: {
      ...process.env,
      PATH: `${path.dirname(process.execPath)}${path.delimiter}${process.env.PATH}`,
      TASKLEDGER_DATABASE_URL: url,
      DATABASE_URL: url,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true, // npx does not hand on signals in every case: its whole group gets them
  });
  const kill = (signal) => {
    try {
      process.kill(-child.pid, signal);
    } catch {
      // It has ended.
    }
  };
  const undo = undoable(() => kill('SIGKILL'));
  const ended = new Promise((resolve) => child.once('close', resolve));
  const last = [];
  const said = new Promise((resolve, reject) => {
    const hear = (line) => {
      last.push(line);
      if (line.includes(text)) resolve(performance.now() - startedAt);
    };
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', hear);
    void ended.then(() =>
      reject(new Error(`${args.join(' ')} ended before it said ${text}:\n${last.slice(-5).join('\n')}`)),
    );
  });
  try {
    return await said;
  } finally {
    kill('SIGTERM');
    await ended;
    await undo();
  }
}

async function openPrograms(server, directory) {
  const [ours, theirs] = [await server.createDatabase('cold'), await server.createDatabase('cold_graphile')];
  await migrate({ connectionString: ours });
  const ledger = await openLedger({ connectionString: ours });
  const pool = await openPool(theirs, 1);
  const utils = await makeWorkerUtils({ pgPool: pool, logger: quiet });
  await utils.migrate();
  const graphileCli = fileURLToPath(new URL('cli.js', import.meta.resolve('graphile-worker')));
  const inProject = (command, args, url) => ({ command, args, cwd: directory, url });
  const submit = () => ledger.submit('bench.noop', {});
  return {
    programs: {
      'npx taskledger run → its first task': {
        ...inProject('npx', ['taskledger', 'run', '--handlers', 'tasks.mjs'], ours),
        until: word,
        before: submit,
      },
      'taskledger run → its first task': {
        ...inProject(process.execPath, [here('../bin/taskledger.js'), 'run', '--handlers', 'tasks.mjs'], ours),
        until: word,
        before: submit,
      },
      'graphile-worker → its first task': {
        ...inProject(process.execPath, [graphileCli], theirs),
        until: word,
        before: () => utils.addJob('noop', {}),
      },
      'npx taskledger dev, a new data directory → ready': {
        ...inProject('npx', ['taskledger', 'dev', '--json', '--data', 'new'], undefined),
        until: '"ready":true',
        newData: true,
      },
      'npx taskledger dev, the same again → ready': {
        ...inProject('npx', ['taskledger', 'dev', '--json', '--data', 'kept'], undefined),
        until: '"ready":true',
        warm: true,
      },
      'Node, and nothing else': { ...inProject(process.execPath, ['-p', `'${word}'`], undefined), until: word },
    },
    async close() {
      await utils.release();
      await pool.end();
      await ledger.close();
    },
  };
}

export async function measure({ size, tell }) {
  const { directory, remove } = makeProject();
  const server = await startServer();
  const results = {};
  try {
    const { programs, close } = await openPrograms(server, directory);
    for (const [name, { until, before, newData, warm, ...program }] of Object.entries(programs)) {
      const ms = [];
      for (let i = warm ? -1 : 0; i < size.starts; i += 1) {
        await before?.();
        const args = newData ? program.args.with(-1, `new-${i}`) : program.args;
        const took = await untilItSays(until, { ...program, args });
        if (i >= 0) ms.push(took);
      }
      results[name] = { ms: median(ms), min: Math.min(...ms), max: Math.max(...ms) };
      tell(`${name.padEnd(52)}${results[name].ms.toFixed(0).padStart(7)} ms`);
    }
    await close();
    return { postgres: server.described, results };
  } finally {
    await server.stop();
    await remove();
  }
}
