import type { Clock } from '../../src/clock.ts';
import type { Lease, SubmittedData } from '../../src/ledger/claim.ts';
import { defineTask, type Handler, type HandlerFunction, type TaskOptions } from '../../src/ledger/define-task.ts';

/** A clock that stands still until it is told to go on. */
export class FakeClock implements Clock {
  #ms = 1_000_000;
  readonly #sleeping = new Set<{ readonly untilMs: number; readonly wake: () => void }>();

  now(): number {
    return Date.UTC(2026, 0, 1) + this.#ms;
  }

  monotonic(): number {
    return this.#ms;
  }

  get sleepers(): number {
    return this.#sleeping.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#sleeping.delete(sleeper);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const sleeper = { untilMs: this.#ms + ms, wake };
      this.#sleeping.add(sleeper);
      signal?.addEventListener('abort', wake);
    });
  }

  /** Time passes; whoever has slept enough wakes up and does what it does then. */
  async advance(ms: number): Promise<void> {
    this.#ms += ms;
    for (const sleeper of this.#sleeping) {
      if (sleeper.untilMs <= this.#ms) sleeper.wake();
    }
    await allCaughtUp();
  }
}

/** Resolves when every promise that could go on has gone on. */
export function allCaughtUp(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const someSubmitted: SubmittedData = {
  name: 'some.task',
  input: null,
  queue: 'default',
  priority: 0,
  retry: { attempts: 3, backoff: { kind: 'fixed', delay_ms: 1000 } },
};

/** A lease of a task `some.task` in its first attempt. */
export function leaseOf(taskId: string, more: Partial<Lease> = {}, submitted: Partial<SubmittedData> = {}): Lease {
  return {
    taskId,
    claimId: '1',
    epoch: 1,
    version: 2,
    attempt: 1,
    runAt: '2026-01-01T00:00:00+00:00',
    submitted: { ...someSubmitted, ...submitted },
    checkpoint: undefined,
    ...more,
  };
}

/** A handler of `some.task`. */
export function handlerOf(
  run: HandlerFunction<unknown, unknown>,
  options: Partial<TaskOptions<unknown, unknown>> = {},
): Handler {
  return defineTask({ name: 'some.task', ...options }).handle(run);
}

/** A promise that is settled from outside. */
export function deferred<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
} {
  let settle: Pick<ReturnType<typeof deferred<T>>, 'resolve' | 'reject'> | undefined;
  const promise = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...settle! };
}
