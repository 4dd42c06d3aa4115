// How long what went wrong is felt: a runner killed with -9 while it holds leases, Postgres killed and started again under
// load, an abort on its way to the handler. Wall time of this process, on a server of its own.
import { fork } from 'node:child_process';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { defineTask, migrate, openLedger } from '../dist/index.js';
import { startEmbeddedPostgres } from '../dist/postgres/embedded/start-embedded-postgres.js';
import { inMilliseconds } from './milliseconds.js';
import { settings } from './server.js';
import { undoable } from './undo.js';

export const sizes = {
  full: { rounds: 4, aborts: 200, loadSeconds: 8 },
  whole: { rounds: 1, aborts: 100, loadSeconds: 5 },
  quick: { rounds: 1, aborts: 20, loadSeconds: 3 },
};

const holder = fileURLToPath(new URL('recovery-holder.js', import.meta.url));
const held = defineTask({ name: 'bench.held' });
const small = defineTask({ name: 'bench.small' });
const ttlMs = 15_000;

/** Kills a runner that holds `tasks` leases; from then until each of them is started again by another runner. */
async function releaseAfterKill(url, ledger, tasks) {
  const child = fork(holder, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const kill = undoable(() => child.kill('SIGKILL'));
  const holding = new Promise((resolve) => child.once('message', resolve));
  child.send({ url, tasks });
  await ledger.submitMany(
    held,
    Array.from({ length: tasks }, (_, i) => ({ input: i })),
  );
  await holding;
  const startedAgain = [];
  const runner = ledger.runner({
    handlers: [held.handle(() => void startedAgain.push(performance.now()))],
    concurrency: tasks,
  });
  await runner.start();
  const killedAt = performance.now();
  await kill();
  while (startedAgain.length < tasks) await sleep(20);
  await runner.stop();
  return startedAgain.map((at) => at - killedAt);
}

/** Tasks a second before the server is killed under load, and after it accepts connections again. */
async function restartUnderLoad(server, ledger, seconds) {
  const doneAt = [];
  const runner = ledger.runner({
    handlers: [small.handle(() => void doneAt.push(performance.now()))],
    concurrency: 24,
  });
  const stopping = new AbortController();
  const submitting = keepSubmitted(ledger, stopping.signal);
  await runner.start();
  await sleep(seconds * 1000);
  const between = (from, to) => doneAt.filter((at) => at >= from && at < to).length / ((to - from) / 1000);
  const killedAt = performance.now();
  const before = between(killedAt - (seconds - 1) * 1000, killedAt);
  await server.kill();
  await server.restart();
  const acceptsAt = performance.now();
  while ((doneAt.at(-1) ?? 0) < acceptsAt) await sleep(5);
  const firstMs = doneAt.find((at) => at >= acceptsAt) - acceptsAt;
  // The best second that begins within ten.
  await sleep(Math.max(0, 11_000 - (performance.now() - acceptsAt)));
  const rates = Array.from({ length: 10 }, (_, i) => between(acceptsAt + i * 1000, acceptsAt + (i + 1) * 1000));
  const recoveredIn = rates.findIndex((rate) => rate >= 0.95 * before);
  stopping.abort();
  await submitting;
  await runner.stop(0);
  return {
    first_task_after_ms: Math.round(firstMs),
    rate_before: Math.round(before),
    rates_after: rates.map(Math.round),
    seconds_until_95_percent: recoveredIn < 0 ? null : recoveredIn + 1,
  };
}

/** A steady arrival, well below what the machine can do: what is measured is the way back, not the disk. */
async function keepSubmitted(ledger, stopped) {
  const perTurn = 50;
  while (!stopped.aborted) {
    const items = Array.from({ length: perTurn }, (_, i) => ({ input: i }));
    await ledger.submitMany(small, items).catch(() => sleep(20));
    await sleep(25);
  }
}

/** From the call of abort until the handler's signal, one at a time. */
async function abortToSignal(ledger, times) {
  const signalled = new Map();
  const begun = new Map();
  const runner = ledger.runner({
    handlers: [
      held.handle(
        ({ taskId, signal }) =>
          new Promise((resolve) => {
            signal.addEventListener('abort', () => {
              signalled.get(taskId)?.(performance.now());
              resolve();
            });
            begun.get(taskId)?.();
          }),
      ),
    ],
  });
  await runner.start();
  const ms = [];
  for (let i = 0; i < times; i += 1) {
    const { id } = await ledger.submit(held, i);
    await new Promise((resolve) => {
      begun.set(id, resolve);
      setTimeout(resolve, 1000);
    });
    const heard = new Promise((resolve) => signalled.set(id, resolve));
    const askedAt = performance.now();
    await ledger.abort(id);
    ms.push((await heard) - askedAt);
  }
  await runner.stop();
  return ms;
}

export async function measure({ size, tell: say }) {
  const server = await startEmbeddedPostgres({ settings });
  const stop = undoable(() => server.stop());
  const results = {};
  const tell = (name, result) => {
    results[name] = result;
    say(`${name.padEnd(48)}${JSON.stringify(result)}`);
  };
  try {
    await migrate({ connectionString: server.url });
    const ledger = await openLedger({ connectionString: server.url });
    const released = [];
    for (let i = 0; i < size.rounds; i += 1) released.push(...(await releaseAfterKill(server.url, ledger, 50)));
    tell(`kill -9 → leased again, TTL ${ttlMs / 1000} s`, inMilliseconds(released));
    tell('abort → signal of the handler', inMilliseconds(await abortToSignal(ledger, size.aborts)));
    tell('Postgres kill -9 under load', await restartUnderLoad(server, ledger, size.loadSeconds));
    await ledger.close();
    return { results };
  } finally {
    await stop();
  }
}
