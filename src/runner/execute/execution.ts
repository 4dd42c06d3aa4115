import type { Handler, HandlerContext } from '../../ledger/define-task.ts';
import type { Failure } from './failure.ts';
import type { LogTail } from './log-tail.ts';

/** Why the runner tells an attempt to stop. */
export type StopReason = 'abort' | 'timeout' | 'lease lost' | 'shutdown';

/** The attempt as an execution sees it: what the handler is given, and whether it was told to stop. */
export interface RunningAttempt extends HandlerContext<unknown> {
  /** Replaced by what the schema of the definition made of it. */
  input: unknown;
  readonly stoppedFor: StopReason | undefined;
  /** What it wrote last. */
  readonly tail: LogTail;
}

/** What an execution saw of an attempt from outside; enters the event of its outcome. Inline only its log is. */
export interface Report {
  readonly usage?: Usage;
  /** The last lines it wrote, each `TIME LEVEL STREAM TEXT`; see `LogTail`. */
  readonly log_tail?: readonly string[];
  readonly exit_code?: number;
  readonly exit_signal?: string;
  /** Of an attempt that was told to stop: which signal its process needed. */
  readonly killed?: 'no' | 'term' | 'kill';
}

/** Of the child process itself, not of what it started. */
export interface Usage {
  readonly cpu_ms: number;
  readonly max_rss_bytes: number;
}

/** How an attempt ended: with an output (JSON text, null for none), or with a failure that says what may follow. */
export type Ending = ({ readonly outputJson: string | null } | { readonly failure: Failure }) & {
  readonly report?: Report;
};

/**
 * A way to run handlers. There is one for each level of isolation: `inline` in the runner's event loop, `pool` in a warm
 * child process that runs one attempt after the other, `process` in a fresh one per attempt. Both of these speak the
 * messages of `messages.ts` with their child, with a nonce for each attempt; Python and plugins start another program
 * at the other end of that descriptor.
 *
 * An execution checks the input before and the output after, so that both are those the handler itself saw; turning the
 * ending into an outcome (retry, doubt, abort) is the attempt's.
 */
export interface Execution {
  /**
   * Runs one attempt to its end: nothing of it runs any more once it is answered. Stops it when its signal aborts. Never
   * throws or rejects. Synchronous where everything in it is.
   */
  run(attempt: RunningAttempt, handler: Handler): Ending | Promise<Ending>;
}
