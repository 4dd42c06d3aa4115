import type { Usage } from './execution.ts';
import { readKernelFile } from './read-kernel-file.ts';

/** Linux counts processor time in hundredths of a second for programs, whatever it does inside. */
const msPerTick = 10;

/** What a running process has used so far, itself and not what it started; undefined where /proc does not tell. */
export function sampleUsage(pid: number): Usage | undefined {
  try {
    const stat = readKernelFile(`/proc/${pid}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const peakKb = /^VmHWM:\s+(\d+) kB/m.exec(readKernelFile(`/proc/${pid}/status`))?.[1];
    if (peakKb === undefined) return undefined;
    return { cpu_ms: (Number(fields[11]) + Number(fields[12])) * msPerTick, max_rss_bytes: Number(peakKb) * 1024 };
  } catch {
    return undefined;
  }
}

/** What this process has used: processor time of all its threads, and its largest size in memory. */
export function ownUsage(): Usage {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  return { cpu_ms: Math.round((userCPUTime + systemCPUTime) / 1000), max_rss_bytes: maxRSS * 1024 };
}
