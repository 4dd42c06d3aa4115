// The command line as its users start it: to its end, with the most memory it held, or until it is stopped.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../bin/taskledger.js', import.meta.url));
const running = new Set();

/** Runs the command line; answers what it printed, the time, and the most memory it held (Linux only). */
export async function measured(args, url) {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, TASKLEDGER_DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  let text = '';
  let peakKb = 0;
  child.stdout.on('data', (chunk) => (text += chunk));
  const watching = setInterval(() => {
    try {
      peakKb = Math.max(
        peakKb,
        Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? 0),
      );
    } catch {
      // It has ended, or this is not Linux.
    }
  }, 20);
  const startedAt = performance.now();
  const status = await new Promise((resolve) => child.once('close', resolve));
  clearInterval(watching);
  running.delete(child);
  return { status, seconds: (performance.now() - startedAt) / 1000, peak_mb: Math.round(peakKb / 1024), text };
}

/** A command that goes on until `stop()`; it is there once it has printed a line that `ready` accepts. */
export async function startCommand(args, url, ready) {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, TASKLEDGER_DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const ended = new Promise((resolve) => child.once('close', resolve));
  await new Promise((resolve, reject) => {
    const last = [];
    const hear = (line) => {
      last.splice(0, Math.max(0, last.length - 9));
      last.push(line);
      if (ready(line)) resolve();
    };
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', hear);
    void ended.then(() => reject(new Error(`taskledger ${args[0]} ended before it was ready:\n${last.join('\n')}`)));
  });
  return {
    pid: child.pid,
    async stop() {
      child.kill('SIGTERM');
      await ended;
      running.delete(child);
    },
  };
}

/** Ends, without asking, whatever was started here and goes on. */
export function killCommands() {
  for (const child of running) child.kill('SIGKILL');
}
