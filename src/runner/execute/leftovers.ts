import type { Clock } from '../../clock.ts';
import { lastProcess, signalProcess } from './process-tree.ts';
import { readKernelFile } from './read-kernel-file.ts';

/** Between two looks whether what was killed is gone, and how long to look: a process may hang in the kernel. */
const lookAgainMs = 5;
const treeGoneMs = 5000;
/** No machine starts more processes: two processors that do nothing else start 33 a millisecond. */
const startsPerMs = 50;
/** What Linux counts to where nobody said otherwise. */
const fewestNumbers = 32_768;
/** Process numbers may have begun anew after that long, at the busiest. */
const numbersLastMs = countOfNumbers() / startsPerMs;

/** A moment, by the number of the process started last and by the monotonic clock. */
export interface Moment {
  readonly process: number;
  readonly ms: number;
}

export function momentNow(clock: Clock): Moment {
  return { process: lastProcess() ?? 0, ms: clock.monotonic() };
}

/** Whether any process at all may have been started since. */
export function anythingStartedSince({ process, ms }: Moment, clock: Clock): boolean {
  return process === 0 || clock.monotonic() - ms >= numbersLastMs || lastProcess() !== process;
}

/** The number beyond which every process is that was started since; 0 if the numbers may have begun anew meanwhile. */
export function numbersSince({ process, ms }: Moment, clock: Clock): number {
  const isFresh = clock.monotonic() - ms < numbersLastMs;
  return isFresh && (lastProcess() ?? 0) >= process ? process : 0;
}

function countOfNumbers(): number {
  try {
    return Number(readKernelFile('/proc/sys/kernel/pid_max')) || fewestNumbers;
  } catch {
    return fewestNumbers;
  }
}

/** Kills what is found until nothing is. Returns how many processes that were, and whether all of them are gone. */
export async function killUntilNone(
  find: () => readonly number[],
  clock: Clock,
): Promise<{ readonly killed: number; readonly areGone: boolean }> {
  const until = clock.monotonic() + treeGoneMs;
  const found = new Set<number>();
  for (;;) {
    const left = find();
    for (const pid of left) {
      found.add(pid);
      signalProcess(pid, 'SIGKILL');
    }
    const areGone = left.length === 0;
    if (areGone || clock.monotonic() > until) return { killed: found.size, areGone };
    await clock.sleep(lookAgainMs);
  }
}
