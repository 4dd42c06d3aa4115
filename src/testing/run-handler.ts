import { randomUUID } from 'node:crypto';
import { systemClock, type Clock } from '../clock.ts';
import type { AttemptError } from '../events/outcome-events.ts';
import { decodePayload, encodePayload } from '../events/payload.ts';
import type { Lease } from '../ledger/claim.ts';
import type { Handler } from '../ledger/define-task.ts';
import type { Progress } from '../ledger/progress.ts';
import type { Outcome, OutcomeKind } from '../ledger/settle.ts';
import { Attempt } from '../runner/attempt.ts';
import type { LogRecord } from '../runner/execute/log-record.ts';

export interface RunHandlerOptions {
  /** Which attempt it is; default the first. */
  readonly attempt?: number;
  /** What the attempt before has saved. */
  readonly checkpoint?: unknown;
  /** Default: a new id. */
  readonly taskId?: string;
  /** When it aborts, the handler's signal does, as if somebody had asked for the task to be aborted. */
  readonly signal?: AbortSignal;
  /** What a backoff with jitter draws from, 0 up to 1. Default: the middle. */
  readonly random?: () => number;
  /** What `RetryAt` and `timeout` go by. */
  readonly clock?: Clock;
}

/** How an attempt went, as a runner would record it. */
export interface HandlerRun {
  /** `retry`: it failed, and the task's policy grants another attempt. */
  readonly outcome: OutcomeKind;
  /** What it returned, as it comes back from the ledger. */
  readonly output: unknown;
  readonly error: AttemptError | undefined;
  /** With the outcome `retry`: how long until the next attempt. */
  readonly retryInMs: number | undefined;
  /** Everything it reported, in order. */
  readonly progress: readonly Progress[];
  /** Everything it logged, in order. */
  readonly log: readonly LogRecord[];
  /** The last checkpoint: what it saved, else what it was given. */
  readonly checkpoint: unknown;
}

/** As a task that says nothing about retries. */
const usualRetry = { attempts: 3 };

/**
 * Runs one attempt of a handler without any ledger: input and output go through the schemas and through JSON, a throw is
 * judged by the task's retry policy, as in a runner. It does not throw what the handler throws.
 */
export async function runHandler(
  handler: Handler,
  input: unknown,
  options: RunHandlerOptions = {},
): Promise<HandlerRun> {
  const { signal, clock = systemClock, random = () => 0.5 } = options;
  const progress: Progress[] = [];
  const log: LogRecord[] = [];
  const note = (_attempt: Attempt, report: Progress): Promise<void> => {
    progress.push(report);
    return Promise.resolve();
  };
  const lease = leaseOf(handler, input, options);
  const attempt = new Attempt(lease, clock, note, { onLog: (_attempt, record) => log.push(record) });
  const abort = (): void => attempt.stop('abort');
  if (signal?.aborted === true) abort();
  signal?.addEventListener('abort', abort);
  try {
    const { checkpoint } = options;
    return {
      ...runOf(await attempt.run(handler, random)),
      progress,
      log,
      checkpoint: lastCheckpoint(progress, checkpoint),
    };
  } finally {
    signal?.removeEventListener('abort', abort);
  }
}

function leaseOf(handler: Handler, input: unknown, options: RunHandlerOptions): Lease {
  const {
    name,
    queue = 'default',
    priority = 0,
    retry = usualRetry,
    timeoutMs,
    protected: isProtected,
  } = handler.definition;
  const { attempt = 1, clock = systemClock } = options;
  return {
    taskId: options.taskId ?? randomUUID(),
    claimId: '1',
    epoch: 1,
    version: 2 * attempt,
    attempt,
    runAt: new Date(clock.now()).toISOString(),
    submitted: {
      ...{ name, queue, priority, retry, input: asStored(input, `the input of ${name}`) },
      ...(timeoutMs === undefined ? {} : { timeout_ms: timeoutMs }),
      ...(isProtected ? { protected: true as const } : {}),
    },
    checkpoint: options.checkpoint === undefined ? undefined : asStored(options.checkpoint, 'the checkpoint'),
  };
}

function runOf({
  kind,
  detailJson,
  retryInMs,
}: Outcome): Pick<HandlerRun, 'outcome' | 'output' | 'error' | 'retryInMs'> {
  const detail: unknown = detailJson === null ? undefined : JSON.parse(detailJson);
  const hasFailed = kind === 'failed' || kind === 'retry';
  return {
    outcome: kind,
    output: kind === 'completed' ? detail : undefined,
    error: hasFailed ? (detail as AttemptError) : undefined,
    retryInMs,
  };
}

function lastCheckpoint(progress: readonly Progress[], given: unknown): unknown {
  return progress.findLast(({ checkpoint }) => checkpoint !== undefined)?.checkpoint ?? given;
}

/** What comes back of a value that was stored: a Date is a text by then. */
function asStored(value: unknown, what: string): unknown {
  return decodePayload(encodePayload(value, what), what);
}
