import { execFileSync } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** Which process this is, across reuse of its number, a reboot, and containers that number their processes anew. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started: clock ticks since boot on Linux, a date elsewhere; only equality means anything. */
  readonly started: string;
  readonly boot: string;
  /** Within which machine and process namespace `pid` means something. */
  readonly space: string;
}

export type Liveness = 'alive' | 'dead' | 'unknown';

/** When the process started, or undefined if there is none, or only its zombie. */
export function processStart(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
      // The command's name stands in parentheses and may hold spaces and parentheses itself.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      return fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
    }
    const [state = 'Z', ...date] = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/);
    return state.startsWith('Z') ? undefined : date.join(' ');
  } catch {
    return undefined;
  }
}

export function identifyThisProcess(): ProcessIdentity {
  return { pid: process.pid, started: processStart(process.pid) ?? '', boot: bootId(), space: processSpace() };
}

/** Whether that process still runs; `unknown` if it belongs to another machine or container. */
export function livenessOf(identity: ProcessIdentity): Liveness {
  if (identity.space !== processSpace()) return 'unknown';
  if (identity.boot !== bootId()) return 'dead';
  return processStart(identity.pid) === identity.started ? 'alive' : 'dead';
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}

function processSpace(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
