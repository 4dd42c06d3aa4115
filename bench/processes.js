// Peers that want several processes get them here. Starting Node, importing and connecting are not timed: a process
// says `ready`, all of them get `go` at once, and each says `done` when it found nothing more to do; or they are told to
// `work` until they are stopped, and say every few milliseconds how much they have done.
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ownCpuSeconds } from './machine.js';
import { undoable } from './undo.js';

const reportEveryMs = 25;
const running = new Set();
let profileDirectory;

/** From now on every process started here writes a CPU profile into this directory when it ends. */
export function profileProcesses(directory) {
  profileDirectory = directory;
}

/**
 * In the parent.
 * @returns `run()` → childCpuSeconds summed over the processes; or `work()`, then `completed()`, `samples` of
 *   { at, completed } and `cpuSeconds()`; `pids`; `stop()`.
 */
export async function startProcesses(script, count, options) {
  const children = Array.from({ length: count }, () => startOne(script));
  const latest = new Map();
  const samples = [];
  const total = (what) => [...latest.values()].reduce((sum, report) => sum + report[what], 0);
  for (const child of children) {
    child.on('message', ({ report }) => {
      if (report === undefined) return;
      latest.set(child, report);
      samples.push({ at: performance.now(), completed: total('completed') });
    });
  }
  await Promise.all(children.map((child) => ask(child, { prepare: options })));
  return {
    pids: children.map((child) => child.pid),
    samples,
    completed: () => total('completed'),
    cpuSeconds: () => total('cpuSeconds'),
    async run() {
      const answers = await Promise.all(children.map((child) => ask(child, { go: true })));
      return { childCpuSeconds: answers.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0) };
    },
    async work() {
      samples.push({ at: performance.now(), completed: 0 });
      await Promise.all(children.map((child) => ask(child, { work: true })));
    },
    async stop() {
      await Promise.all(children.filter((child) => child.connected).map(endOne));
    },
  };
}

function startOne(script) {
  const execArgv =
    profileDirectory === undefined
      ? process.execArgv
      : [...process.execArgv, '--cpu-prof', `--cpu-prof-dir=${profileDirectory}`];
  const child = fork(fileURLToPath(script), [], { execArgv, stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  running.add(child);
  const kill = undoable(() => child.kill('SIGKILL'));
  child.once('exit', () => {
    running.delete(child);
    void kill(); // of one that has ended: nothing
  });
  return child;
}

async function endOne(child) {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.disconnect();
  await ended;
}

export function killProcesses() {
  for (const child of running) child.kill('SIGKILL');
}

function ask(child, message) {
  return new Promise((resolve, reject) => {
    const settle = () => {
      child.off('exit', ended);
      child.off('message', answered);
    };
    const ended = (code, signal) => {
      settle();
      reject(new Error(`a process of the benchmark ended with ${signal ?? code}`));
    };
    const answered = (answer) => {
      if (answer.report !== undefined) return;
      settle();
      if (answer.error === undefined) resolve(answer);
      else reject(new Error(answer.error));
    };
    child.once('exit', ended);
    child.on('message', answered);
    child.send(message);
  });
}

/** In the child: `prepare(options)` returns `{ run, close }`, and `work()`, `completed()` where it can go on for ever. */
export function serve(prepare) {
  let prepared;
  const answers = {
    async prepare({ prepare: options }) {
      prepared = await prepare(options);
      return {};
    },
    async go() {
      const before = ownCpuSeconds();
      await prepared.run();
      return { cpuSeconds: ownCpuSeconds() - before };
    },
    async work() {
      const before = ownCpuSeconds();
      await prepared.work();
      const reporting = setInterval(() => {
        const report = { completed: prepared.completed(), cpuSeconds: ownCpuSeconds() - before };
        process.send({ report }, () => {}); // a parent that goes needs no report
      }, reportEveryMs);
      process.once('disconnect', () => clearInterval(reporting));
      return {};
    },
  };
  process.on('message', (message) => {
    answers[Object.keys(message)[0]](message).then(
      (answer) => process.connected && process.send(answer),
      (error) => process.connected && process.send({ error: error.stack }),
    );
  });
  process.on('SIGINT', () => {}); // the parent ends us
  process.once('disconnect', async () => {
    await prepared?.close();
    process.exit(0);
  });
}
