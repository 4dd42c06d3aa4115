import { readdirSync } from 'node:fs';
import { readKernelFile } from './read-kernel-file.ts';

/*
 * A child and what it started. The group of the child holds most of it; a descendant that began a session of its own has
 * left the group, and on Linux is found by its parents while they live and by the mark in its environment afterwards.
 * What also hides its environment and outlives its parents is not found: that takes a PID namespace or a cgroup.
 */

/** The variable that marks a child and whatever it starts: `RUNNER.CHILD`, in a warm child `RUNNER.CHILD.ATTEMPT`. */
export const markVariable = 'taskledger_attempt';

export interface ProcessEntry {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  /** Processor time of itself and of children it has waited for, in hundredths of a second. */
  readonly ticks: number;
  readonly threads: number;
  readonly rssPages: number;
  /** Ended, and waiting for its parent to notice. */
  readonly zombie: boolean;
}

/** False if nobody is left to get it. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  return signalled(-group, signal);
}

export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  return signalled(pid, signal);
}

function signalled(target: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(target, signal);
  } catch {
    return false;
  }
}

/**
 * SIGKILL for the process, its group and its descendants. Those are looked for first: the dead have no children.
 * @param since only processes numbered after this one, which is right as long as the numbers have not begun anew
 */
export function killTree(pid: number, mark: string, since = 0): void {
  const descendants = descendantsOf(pid, since);
  signalGroup(pid, 'SIGKILL');
  for (const one of [...descendants, ...markedProcesses(mark, since)]) signalProcess(one, 'SIGKILL');
}

/**
 * What is left of a child that has ended, by its group and by its mark.
 * @param since only processes numbered after this one, which is right as long as the numbers have not begun anew
 */
export function leftOf(group: number, mark: string, since = 0): number[] {
  // Asking is a thousand times cheaper than reading /proc. It counts zombies, which nobody may ever notice.
  const grouped = signalGroup(group, 0) ? members(group) : [];
  return [...new Set([...grouped, ...markedProcesses(mark, since)])];
}

/**
 * What a child that still runs has started and not ended: by its group, its mark and its descendants. On Linux alone:
 * elsewhere it ends with the child.
 * @param since only processes numbered after this one, which is right as long as the numbers have not begun anew
 * @param known earlier ones that are looked at too: the first process of a namespace is the parent of whom nobody waits for
 */
export function startedBy(pid: number, mark: string, since: number, known: ReadonlySet<number> = new Set()): number[] {
  const numbers = processNumbers().filter((one) => (one > since || known.has(one)) && one !== pid);
  const living = numbers.flatMap(entryOf).filter(({ zombie }) => !zombie);
  const marked = new Set(withMark(numbers, mark));
  const found = new Set([pid]);
  // Children of children may be numbered before them: until a look finds nobody new.
  for (let before = 0; before < found.size;) {
    before = found.size;
    for (const one of living) {
      if (one.group === pid || marked.has(one.pid) || found.has(one.parent)) found.add(one.pid);
    }
  }
  found.delete(pid);
  return [...found];
}

/** The number of the process started last on this machine; undefined where that cannot be asked. */
export function lastProcess(): number | undefined {
  try {
    return Number(readKernelFile('/proc/loadavg').trim().split(' ').at(-1));
  } catch {
    return undefined;
  }
}

function members(group: number): number[] {
  if (process.platform !== 'linux') return [-group];
  return processTable().flatMap((one) => (one.group === group && !one.zombie ? [one.pid] : []));
}

/** @param since as of `killTree` */
export function descendantsOf(pid: number, since = 0): number[] {
  const all = numbersAfter(since).flatMap(entryOf);
  const found = [pid];
  // Grows while it is walked: children of children.
  for (const parent of found) found.push(...all.flatMap((one) => (one.parent === parent ? [one.pid] : [])));
  return found.slice(1);
}

function markedProcesses(mark: string, since = 0): number[] {
  return withMark(numbersAfter(since), mark);
}

function withMark(numbers: readonly number[], mark: string): number[] {
  const wanted = `${markVariable}=${mark}`;
  return numbers.filter((pid) => {
    try {
      return readKernelFile(`/proc/${pid}/environ`).includes(wanted);
    } catch {
      // Gone meanwhile, or somebody else's.
      return false;
    }
  });
}

/** All processes there are; none where there is no /proc. */
export function processTable(): ProcessEntry[] {
  return processNumbers().flatMap(entryOf);
}

/** Empty if it is gone. */
function entryOf(pid: number): ProcessEntry[] {
  try {
    const stat = readKernelFile(`/proc/${pid}/stat`);
    // The command's name stands in parentheses and may hold spaces and parentheses itself.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const at = (i: number): number => Number(fields[i]);
    const isEnded = state === 'Z' || state === 'X';
    const ticks = at(10) + at(11) + at(12) + at(13);
    return [{ pid, parent: at(0), group: at(1), ticks, threads: at(16), rssPages: at(20), zombie: isEnded }];
  } catch {
    return [];
  }
}

function numbersAfter(since: number): number[] {
  return processNumbers().filter((pid) => pid > since);
}

function processNumbers(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Number.isInteger);
  } catch {
    return [];
  }
}
