// The command line as its users start it, with the most memory it held.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../bin/taskledger.js', import.meta.url));

/** Runs the command line; answers what it printed, the time, and the most memory it held (Linux only). */
export async function measured(args, url) {
  const child = spawn(process.execPath, [program, ...args], {
    env: { ...process.env, TASKLEDGER_DATABASE_URL: url },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
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
  return { status, seconds: (performance.now() - startedAt) / 1000, peak_mb: Math.round(peakKb / 1024), text };
}
