// What the neighbours of an attempt that means harm notice of it, how soon its place is usable again, and how long a child lives
// that is to be aborted. Whole tasks by a runner of this process, on a server of its own.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { migrate, openLedger } from '../dist/index.js';
import { inMilliseconds } from './milliseconds.js';
import { makeProject } from './project.js';
import { startServer } from './server.js';
import { undoable } from './undo.js';

export const sizes = {
  full: { rounds: 5, seconds: 4, places: 5, aborts: 100, atOnce: 10 },
  whole: { rounds: 2, seconds: 1, places: 1, aborts: 10, atOnce: 10 },
  quick: { rounds: 1, seconds: 1, places: 1, aborts: 4, atOnce: 4 },
};

/** Well below what the runner can do: a queue would be longer for everybody who slows it down by a little. */
const neighbourEveryMs = 20;

/** Those that mean harm, and the code each has to end with. */
const hostileOf = ({ loops, allocates, floods }) => ({
  'busy loop': { handler: loops, code: 'CPU_LIMIT' },
  'memory hog': { handler: allocates, code: 'MEMORY_LIMIT' },
  'output flood': { handler: floods, code: 'OUTPUT_LIMIT' },
});

/** A ledger with a runner, and the moments each of its attempts started and ended. */
async function startRunner(url, handlers, concurrency) {
  const ledger = await openLedger({ connectionString: url });
  const happened = new Map();
  const waiting = new Map();
  ledger.signals.subscribe(({ name, data }) => {
    const key = `${name} ${data.taskId}`;
    happened.set(key, performance.now());
    waiting.get(key)?.();
  });
  const runner = ledger.runner({ handlers, concurrency });
  await runner.start();
  const stop = undoable(async () => {
    await runner.stop(0);
    await ledger.close();
  });
  const when = async (name, id) => {
    const key = `${name} ${id}`;
    if (!happened.has(key)) await new Promise((resolve) => waiting.set(key, resolve));
    return happened.get(key);
  };
  return {
    ledger,
    started: (id) => when('attempt.started', id),
    ended: (id) => when('attempt.ended', id),
    stop,
  };
}

async function submitKind({ ledger }, { handler }) {
  return (await ledger.submit(handler.definition, null)).id;
}

/** @throws Error if its attempt ended for another reason than its limit, or in no such time */
async function endedAsMeant({ ledger }, id, { code = 'no error' }) {
  await ledger.result(id, { timeoutMs: 30_000 }).catch(() => {});
  const { state, error } = await ledger.get(id);
  const found = state === 'completed' ? 'no error' : error?.code;
  if (found !== code) throw new Error(`expected ${code}, found ${state} ${JSON.stringify(error)}`);
}

/** From submit until the attempt of each neighbour has ended, submitted one by one at a steady rate. */
async function neighboursFor(at, { definition }, seconds) {
  const until = performance.now() + seconds * 1000;
  const ms = [];
  const all = [];
  for (let next = performance.now(); next < until; next += neighbourEveryMs) {
    await sleep(Math.max(0, next - performance.now()));
    const startedAt = performance.now();
    const one = at.ledger.submit(definition, null).then(async ({ id }) => ms.push((await at.ended(id)) - startedAt));
    all.push(one);
  }
  await Promise.all(all);
  return ms;
}

/** One attempt of its kind after the other, as long as `neighbours` takes. */
async function beside(at, kind, neighbours) {
  let over = false;
  const harm = (async () => {
    while (!over) await endedAsMeant(at, await submitKind(at, kind), kind);
  })();
  const ms = await neighbours();
  over = true;
  await harm;
  return ms;
}

/** In turns, so that what the machine does meanwhile is everybody's. */
async function measureNeighbours(url, { neighbour, ...handlers }, { rounds, seconds }) {
  const hostile = hostileOf(handlers);
  // Its neighbours tell how much of what those of the others notice is that a process starts and ends beside them.
  const kinds = { 'harmless process': { handler: handlers.harmless }, ...hostile };
  const at = await startRunner(url, [neighbour, ...Object.values(kinds).map(({ handler }) => handler)], 4);
  const quietly = () => neighboursFor(at, neighbour, seconds);
  await quietly(); // the first ones wait for connections and warm processes
  const samples = { alone: [] };
  for (let i = 0; i < rounds; i += 1) {
    samples.alone.push(...(await quietly()));
    for (const [name, kind] of Object.entries(kinds)) (samples[name] ??= []).push(...(await beside(at, kind, quietly)));
  }
  await at.stop();
  const found = Object.fromEntries(Object.entries(samples).map(([name, ms]) => [name, inMilliseconds(ms)]));
  const by = (other) =>
    Object.fromEntries(Object.keys(hostile).map((name) => [name, found[name].p99_ms / found[other].p99_ms]));
  return { ...found, p99_by_alone: by('alone'), p99_by_harmless: by('harmless process') };
}

/** A runner with one place: from the end of an attempt that meant harm until a task after it has been run in a fresh process. */
async function measurePlace(url, { next, ...handlers }, { places }) {
  const hostile = hostileOf(handlers);
  const at = await startRunner(url, [next, ...Object.values(hostile).map(({ handler }) => handler)], 1);
  const found = {};
  for (const [name, kind] of Object.entries(hostile)) {
    const ms = [];
    for (let i = 0; i < places; i += 1) {
      const id = await submitKind(at, kind);
      await at.started(id);
      const after = await at.ledger.submit(next.definition, null);
      ms.push((await at.ended(after.id)) - (await at.ended(id)));
      await endedAsMeant(at, id, kind);
    }
    found[name] = inMilliseconds(ms);
  }
  await at.stop();
  return found;
}

async function pidIn(file) {
  for (;;) {
    const pid = Number(await readIfThere(file));
    if (pid > 0) return pid;
    await sleep(5);
  }
}

function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

const lives = (pid) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** From the call of abort until the process of the attempt is there no more; some at once. */
async function abortToGone(url, handler, directory, { aborts, atOnce }) {
  const at = await startRunner(url, [handler], atOnce);
  const ms = [];
  for (let done = 0; done < aborts; done += atOnce) {
    const children = await Promise.all(
      Array.from({ length: Math.min(atOnce, aborts - done) }, async (_, i) => {
        const file = path.join(directory, `${handler.definition.name}-${done + i}`);
        const { id } = await at.ledger.submit(handler.definition, { file });
        return { id, pid: await pidIn(file) };
      }),
    );
    const gone = children.map(async ({ id, pid }) => {
      const askedAt = performance.now();
      await at.ledger.abort(id);
      while (lives(pid)) await sleep(2);
      ms.push(performance.now() - askedAt);
    });
    await Promise.all(gone);
  }
  await at.stop();
  return inMilliseconds(ms);
}

export async function measure({ size, tell }) {
  const project = await makeProject('hostile', ['hostile-handlers.js']);
  const server = await startServer();
  try {
    const { handlers, directory } = project;
    const url = await server.createDatabase('hostile');
    await migrate({ connectionString: url });
    const measures = {};
    const say = (name, found) => {
      measures[name] = found;
      for (const [what, figures] of Object.entries(found))
        tell(`${name.padEnd(28)}${what.padEnd(16)}${JSON.stringify(figures)}`);
    };
    say('neighbours', await measureNeighbours(url, handlers, size));
    say('place usable again', await measurePlace(url, handlers, size));
    say('abort → child gone', {
      cooperative: await abortToGone(url, handlers.cooperative, directory, size),
      stubborn: { grace_ms: handlers.stubbornGraceMs, ...(await abortToGone(url, handlers.stubborn, directory, size)) },
    });
    return { postgres: server.described, measures };
  } finally {
    await server.stop();
    await project.remove();
  }
}
