import type { Clock } from '../../clock.ts';
import type { StopReason } from './execution.ts';
import { signalGroup } from './process-tree.ts';

/** How long a child may take to end after its handler's signal aborted, unless the handler says otherwise. */
export const defaultGraceMs = 5000;
/** How long after SIGTERM until SIGKILL. */
export const termMs = 1000;
/**
 * Both of them together when the lease is lost, which the runner knows a tenth of the TTL (1.5 s) before anybody else may
 * start the task: by then the child must be gone.
 */
const lostLease = { graceMs: 250, termMs: 500 } as const;

interface StopLadderOptions {
  readonly pid: number;
  readonly clock: Clock;
  /** Aborts when the child has ended. */
  readonly exited: AbortSignal;
  /** Called before a signal is sent: what the child says from now on comes too late. */
  readonly beforeSignal: () => void;
  /** SIGKILL for it and all it started. */
  readonly killAll: () => void;
}

/** Ends a child by and by: a grace, SIGTERM to its group, SIGKILL to its whole tree. Each step is left out if it is gone. */
export class StopLadder {
  readonly #options: StopLadderOptions;
  #killed: 'no' | 'term' | 'kill' = 'no';

  constructor(options: StopLadderOptions) {
    this.#options = options;
  }

  /** Which signal the child needed so far. */
  get killed(): 'no' | 'term' | 'kill' {
    return this.#killed;
  }

  /** The handler was told to stop. */
  stop(reason: StopReason, graceMs: number): void {
    void (reason === 'lease lost' ? this.#climb(lostLease.graceMs, lostLease.termMs) : this.#climb(graceMs, termMs));
  }

  /** As `stop`, for a program that only signals can tell: SIGTERM comes first, and the grace is between it and SIGKILL. */
  terminate(reason: StopReason, graceMs: number): void {
    void this.#climb(0, reason === 'lease lost' ? lostLease.graceMs + lostLease.termMs : graceMs);
  }

  /** The handler has ended: its process has nothing more to do. */
  linger(ms: number): void {
    void this.#climb(ms, termMs);
  }

  kill(): void {
    const { exited, beforeSignal, killAll } = this.#options;
    if (exited.aborted) return;
    beforeSignal();
    this.#killed = 'kill';
    killAll();
  }

  async #climb(graceMs: number, thenMs: number): Promise<void> {
    const { pid, clock, exited, beforeSignal } = this.#options;
    await clock.sleep(graceMs, exited);
    if (exited.aborted) return;
    beforeSignal();
    if (this.#killed === 'no') this.#killed = 'term';
    signalGroup(pid, 'SIGTERM');
    await clock.sleep(thenMs, exited);
    this.kill();
  }
}
