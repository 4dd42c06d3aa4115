import { LedgerError } from '../errors.ts';
import { requireTaskName } from '../events/names.ts';
import type { RetryPolicy } from '../events/submitted.ts';
import type { AttemptLog } from './attempt-log.ts';
import type { Progress } from './progress.ts';
import type { StandardSchema } from './standard-schema.ts';
import { durationMs, type Duration } from './duration.ts';
import { requireIsolation, type ChildIsolation, type IsolationOptions } from './isolation.ts';
import { refuseUnknownOptions } from './known-options.ts';
import { requireBackoffKind, requireTaskOptions, type OptionKind } from './require-task-options.ts';
import type { VerifyFunction } from './verify.ts';

/** Retry as a definition says it: `attempts` counts all attempts, a lost lease included. */
export interface RetryOptions {
  readonly attempts?: number;
  readonly backoff?: { readonly kind: 'fixed' | 'exponential'; readonly delay: Duration; readonly cap?: Duration };
}

export interface TaskOptions<Input, Output> {
  /** Dotted words: `payouts.settle`. */
  readonly name: string;
  /** Any Standard Schema (Zod, Valibot, ArkType …): checked at submit, and again before the handler. */
  readonly input?: StandardSchema<Input>;
  readonly output?: StandardSchema<Output>;
  readonly queue?: string;
  readonly priority?: number;
  /** Default: 3 attempts, exponential backoff from 1 s with full jitter, at most 5 minutes. */
  readonly retry?: RetryOptions;
  /** Wall time of one attempt; the handler's signal aborts after it. */
  readonly timeout?: Duration;
  /** Never started a second time on its own. */
  readonly protected?: boolean;
  /** Asked when a protected task is in doubt, by any runner that handles it; without it a person resolves the doubt. */
  readonly verify?: VerifyFunction<Input, Output>;
  /** Says whether a failure is worth another attempt. Default: yes, unless it is a FatalError. */
  readonly retryable?: (error: unknown) => boolean;
}

/** One task kind, shared by who submits it and who handles it. */
export interface TaskDefinition<Input = unknown, Output = unknown> {
  readonly name: string;
  readonly input: StandardSchema<Input> | undefined;
  readonly output: StandardSchema<Output> | undefined;
  readonly queue: string | undefined;
  readonly priority: number | undefined;
  readonly retry: RetryPolicy | undefined;
  readonly timeoutMs: number | undefined;
  readonly protected: boolean;
  readonly retryable: ((error: unknown) => boolean) | undefined;
  /** Binds a handler to this definition, for `ledger.runner({ handlers })` or a handlers module. */
  handle(run: HandlerFunction<Input, Output>, options?: IsolationOptions): Handler;
}

export interface HandlerContext<Input> {
  readonly taskId: string;
  readonly name: string;
  readonly input: Input;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /**
   * The fencing token of this attempt, `epoch` and `version`: grows with every lease of the task. Hand it to what must not
   * be done twice. `site` is where it was granted: the site that owns the task.
   */
  readonly lease: { readonly epoch: number; readonly version: number; readonly site: string };
  /** When the task became claimable. */
  readonly runAt: Date;
  /** What the last attempt saved with `progress({ checkpoint })`, if anything. */
  readonly checkpoint: unknown;
  /** Aborts on an abort request, a timeout, a lost lease, or when the runner must stop now. */
  readonly signal: AbortSignal;
  /**
   * Reports how far the attempt is. Call it as often as you like: it is sent a few times a second at most, and resolves
   * when a checkpoint has been recorded, otherwise at once. It never rejects; a lost lease shows in `signal`.
   */
  readonly progress: (progress: Progress) => Promise<void>;
  /** Writes a line into the log of the attempt: `log.warn('slow answer', { ms: 1200 })`. */
  readonly log: AttemptLog;
}

export type HandlerFunction<Input, Output> = (context: HandlerContext<Input>) => Promise<Output> | Output;

/** A definition with its handler. The types end here: what a runner gets is checked by the definition's schemas. */
export interface Handler {
  readonly kind: 'taskledger.handler';
  readonly definition: TaskDefinition;
  readonly run: HandlerFunction<unknown, unknown>;
  /** Absent: its attempts run inline. */
  readonly isolation?: ChildIsolation | undefined;
  /** Always asked in the runner's own process. */
  readonly verify?: VerifyFunction<unknown, unknown> | undefined;
  /** Which plugin it is of, as the lease events of its attempts say; absent for a handler in a module. */
  readonly plugin?: HandlerPlugin | undefined;
}

/** One version of a plugin. */
export interface HandlerPlugin {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the manifest's text, in hex. */
  readonly digest: string;
}

/** Every option there is: the compiler sees to it that none is forgotten. */
const optionKinds: Readonly<Record<keyof TaskOptions<unknown, unknown>, OptionKind>> = {
  name: 'checked elsewhere',
  input: 'a Standard Schema',
  output: 'a Standard Schema',
  queue: 'text',
  priority: 'integer',
  retry: 'checked elsewhere',
  timeout: 'checked elsewhere',
  protected: 'true or false',
  retryable: 'a function',
  verify: 'a function',
};

const retryOptions: ReadonlySet<string> = new Set(['attempts', 'backoff']);
const backoffOptions: ReadonlySet<string> = new Set(['kind', 'delay', 'cap']);

function retryPolicy(retry: RetryOptions | undefined): RetryPolicy | undefined {
  if (retry === undefined) return undefined;
  refuseUnknownOptions(retry, retryOptions, 'retry');
  const { attempts = 3, backoff } = retry;
  if (!Number.isInteger(attempts) || attempts < 1 || attempts > 1000) {
    throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
      expected: 'retry.attempts to be an integer from 1 to 1000',
      found: String(attempts),
      remedy: 'Count all attempts, the first included',
    });
  }
  if (backoff === undefined) return { attempts };
  refuseUnknownOptions(backoff, backoffOptions, 'retry.backoff');
  const { kind, delay, cap } = backoff;
  requireBackoffKind(kind);
  const delay_ms = durationMs(delay, 'retry.backoff.delay');
  return {
    attempts,
    backoff: cap === undefined ? { kind, delay_ms } : { kind, delay_ms, cap_ms: durationMs(cap, 'retry.backoff.cap') },
  };
}

/**
 * Defines a task: its name, its schemas and its policies. The same value types both sides.
 * @throws LedgerError TASKLEDGER_INVALID_TASK_NAME, TASKLEDGER_INVALID_OPTION
 */
export function defineTask<Input = unknown, Output = unknown>(
  options: TaskOptions<Input, Output>,
): TaskDefinition<Input, Output> {
  requireTaskOptions(options, optionKinds);
  const definition: TaskDefinition<Input, Output> = {
    name: requireTaskName(options.name),
    input: options.input,
    output: options.output,
    queue: options.queue,
    priority: options.priority,
    retry: retryPolicy(options.retry),
    timeoutMs: options.timeout === undefined ? undefined : durationMs(options.timeout, 'timeout'),
    protected: options.protected ?? false,
    retryable: options.retryable,
    handle: (run, isolation = {}) => ({
      kind: 'taskledger.handler',
      definition,
      run: run as HandlerFunction<unknown, unknown>,
      isolation: requireIsolation(options.name, isolation),
      verify: options.verify as VerifyFunction<unknown, unknown> | undefined,
    }),
  };
  return definition;
}
