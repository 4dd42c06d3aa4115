import { readFileSync, readdirSync } from 'node:fs';

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
