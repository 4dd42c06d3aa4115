import { readFileSync, readdirSync, readlinkSync } from 'node:fs';

/** The child processes with attempts, or waiting for some, that this process has started. Linux alone. */
export function childrenHere(): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && isOurs(pid));
}

function isOurs(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || Number(parent) !== process.pid) return false;
    return readFileSync(`/proc/${pid}/environ`, 'latin1').includes('taskledger_attempt=');
  } catch {
    return false;
  }
}

/** Processes whose working directory is this one, or was before it was removed. */
export function childrenIn(directory: string): number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && worksIn(pid, directory));
}

function worksIn(pid: number, directory: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`).startsWith(directory);
  } catch {
    return false;
  }
}
