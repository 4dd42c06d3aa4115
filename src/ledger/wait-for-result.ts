import type { Clock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import type { TaskState } from '../events/task-state.ts';

interface WaitOptions {
  readonly timeoutMs: number;
  readonly clock: Clock;
}

const firstWaitMs = 20;
const longestWaitMs = 1000;

/**
 * Waits until the task completed and returns its output, looking again after growing waits (20 ms … 1 s).
 * @throws LedgerError TASKLEDGER_TASK_NOT_COMPLETED when it ended otherwise or is in doubt; TASKLEDGER_TIMEOUT
 */
export async function waitForResult(
  id: string,
  get: (id: string) => Promise<TaskState>,
  { timeoutMs, clock }: WaitOptions,
): Promise<unknown> {
  const deadline = clock.monotonic() + timeoutMs;
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(waitMs * 1.5, longestWaitMs)) {
    const task = await get(id);
    if (task.state === 'completed') return task.output;
    if (task.state !== 'pending' && task.state !== 'leased') throw notCompleted(task);
    const leftMs = deadline - clock.monotonic();
    if (leftMs <= 0) throw timedOut(task, timeoutMs);
    await clock.sleep(Math.min(waitMs, leftMs));
  }
}

function notCompleted(task: TaskState): LedgerError {
  const why = task.error === null ? '' : ` (${task.error.code}: ${task.error.message})`;
  return new LedgerError('TASKLEDGER_TASK_NOT_COMPLETED', {
    expected: `task ${task.id} to complete`,
    found: `it is ${task.state}${why}`,
    remedy: `See: taskledger history ${task.id}`,
    details: { id: task.id, state: task.state },
  });
}

function timedOut(task: TaskState, timeoutMs: number): LedgerError {
  return new LedgerError('TASKLEDGER_TIMEOUT', {
    expected: `task ${task.id} to complete within ${timeoutMs} ms`,
    found: `it is still ${task.state}`,
    remedy: 'Wait longer, or check that a runner offers this task',
    details: { id: task.id, state: task.state },
  });
}
