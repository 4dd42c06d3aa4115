import type { TaskEvent } from '../../src/events/event.ts';

/** One line of the effects file: what a handler did outside the ledger, and under which lease. */
export interface Effect {
  readonly runner: string;
  readonly taskId: string;
  /** With the epoch the fencing token; epochs do not change in these tests. */
  readonly leaseVersion: number;
}

/** @param lines each `RUNNER TASK_ID LEASE_VERSION`; whatever follows is the test's own */
export function effectsByTask(lines: readonly string[]): Map<string, Effect[]> {
  const byTask = new Map<string, Effect[]>();
  for (const line of lines) {
    const [runner = '', taskId = '', version] = line.split(' ');
    const effect = { runner, taskId, leaseVersion: Number(version) };
    byTask.set(taskId, [...(byTask.get(taskId) ?? []), effect]);
  }
  return byTask;
}

/** What may lie between two runs of a task: guarantee 3 allows a lost lease; a failed attempt is no double run. */
const endsARun = new Set(['task.lease_expired', 'task.attempt_failed', 'task.lease_released']);

/**
 * Guarantees 2 to 4, seen from outside the ledger: every effect happened under a lease that the history knows, once, and
 * whoever ran a task again did so after its lease had ended otherwise than by completing. One sentence per effect that
 * nothing explains.
 */
export function unexplainedEffects(history: readonly TaskEvent[], effects: readonly Effect[]): string[] {
  const [submitted] = history;
  const versions = effects.map(({ leaseVersion }) => leaseVersion).sort((a, b) => a - b);
  const isProtected = submitted?.type === 'task.submitted' && submitted.data.protected === true;
  const faults = isProtected && versions.length > 1 ? [`a protected task ran ${versions.length} times`] : [];
  for (const [i, version] of versions.entries()) {
    const before = versions[i - 1];
    if (!history.some((event) => event.type === 'task.leased' && event.version === version)) {
      faults.push(`it ran under lease ${version}, which nobody was granted`);
    }
    if (before === version) faults.push(`it ran twice under lease ${version}`);
    else if (before !== undefined && !endedBetween(history, before, version)) {
      faults.push(`it ran under lease ${before} and again under ${version}, and nothing says why`);
    }
  }
  return faults;
}

function endedBetween(history: readonly TaskEvent[], from: number, to: number): boolean {
  return history.some(({ type, version }) => endsARun.has(type) && version !== null && version > from && version < to);
}
