// The resident memory of other processes, from /proc: Linux only.
import { readFileSync, writeFileSync } from 'node:fs';

const everyMs = 50;

function statusOf(pid) {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const megabytes = (field) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(text)[1]) / 1024;
  return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') };
}

/** Megabytes that a process holds now; undefined when it has ended, and where there is no /proc. */
export function residentOf(pid) {
  try {
    return statusOf(pid).now;
  } catch {
    return undefined;
  }
}

/** Begins the kernel's own account of the peak anew: what a process held before does not count. */
function forgetPeak(pid) {
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
}

/**
 * Watches processes during `work`.
 * @param processes name → pid
 * @returns name → megabytes: `max` by the kernel's account, `mean` of samples, `end` when `work` was done.
 */
export async function residentDuring(processes, work) {
  const samples = Object.fromEntries(Object.keys(processes).map((name) => [name, []]));
  for (const pid of Object.values(processes)) forgetPeak(pid);
  const watching = setInterval(() => {
    for (const [name, pid] of Object.entries(processes)) {
      const now = residentOf(pid);
      if (now !== undefined) samples[name].push(now);
    }
  }, everyMs);
  try {
    await work();
  } finally {
    clearInterval(watching);
  }
  return Object.fromEntries(
    Object.entries(processes).map(([name, pid]) => {
      const { now, peak } = statusOf(pid);
      const mean = samples[name].reduce((sum, megabytes) => sum + megabytes, now) / (samples[name].length + 1);
      return [name, { max: Math.round(peak), mean: Math.round(mean), end: Math.round(now) }];
    }),
  );
}
