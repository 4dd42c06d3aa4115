import type { Handler } from '../../ledger/define-task.ts';
import type { ChildLimits } from '../../ledger/child-limits.ts';
import type { AttemptErrorCode } from '../attempt-error-codes.ts';
import type { Ending, StopReason } from './execution.ts';
import type { Exit } from './exit.ts';
import { AttemptFailure, failureOf, type Failure } from './failure.ts';
import { launchFailedCode } from './limits/launcher.ts';
import { limitComplainedOf, type LimitHit } from './limits/limit-hit.ts';

/** Everything that is known of a child that is gone. */
export interface ChildStory {
  readonly exit: Exit;
  /** What it said, if it kept to the protocol. */
  readonly result: Ending | undefined;
  readonly breach: AttemptErrorCode | undefined;
  /** Why the runner ended it before it had said anything; undefined if it did not. */
  readonly endedFor: StopReason | undefined;
  readonly log: readonly string[];
  /** What the attempt was allowed to use; undefined: anything. */
  readonly limits?: ChildLimits | undefined;
  /** The limit that ended it. */
  readonly limit?: LimitHit | undefined;
}

/** A program that was refused something says so shortly before it ends: V8 prints a stack after it. */
const complaintLines = 40;
const heapIsFull = /JavaScript heap out of memory/;
/** What V8 ends a process by when its heap is full: SIGABRT, SIGTRAP in newer ones, or their codes through a shell. */
const heapSignals: readonly string[] = ['SIGABRT', 'SIGTRAP', 'SIGILL'];
const heapExitCodes: readonly number[] = [132, 133, 134];

/** How the attempt of a child that is gone ended. A child that said how it went is believed, however it left. */
export function childEnding(story: ChildStory, handler: Handler): Ending {
  if (story.breach !== undefined)
    return { failure: childFailure(story.breach, breachText[story.breach] ?? '', handler) };
  if (story.result !== undefined) return withLimitCode(story.result, story.limits);
  const [code, message] = story.limit === undefined ? silence(story) : [story.limit.code, story.limit.message];
  return { failure: childFailure(code, message, handler) };
}

/** A failure by which the handler says that it was refused what a limit refuses. Everything else it says of it stays. */
function withLimitCode(ending: Ending, limits: ChildLimits | undefined): Ending {
  if (limits === undefined || !('failure' in ending) || !namesNoCause.has(ending.failure.code)) return ending;
  const code = limitComplainedOf(limits, JSON.stringify(ending.failure.error));
  return code === undefined ? ending : { ...ending, failure: { ...ending.failure, code, told: true } };
}

const namesNoCause: ReadonlySet<AttemptErrorCode> = new Set(['HANDLER_ERROR', 'MODULE_FAILED', 'PROGRAM_FAILED']);

/** A failure that no handler threw: there is no stack worth keeping. */
export function childFailure(code: AttemptErrorCode, message: string, handler: Handler, cause?: unknown): Failure {
  return failureOf(new AttemptFailure(code, withoutStack(message, cause)), handler);
}

export function withoutStack(message: string, cause: unknown): Error {
  const error = new Error(message, cause === undefined ? undefined : { cause });
  delete error.stack;
  return error;
}

const breachText: { readonly [Code in AttemptErrorCode]?: string } = {
  PROTOCOL_BROKEN: 'the child process sent something that is no message of the protocol; it was killed',
  PROTOCOL_FORGED: 'the child process sent a message without the nonce of this attempt; it was killed',
  PROTOCOL_TOO_LONG: 'the child process sent a message longer than the protocol allows; it was killed',
  TWO_RESULTS: 'the child process told two results; none of them is believed',
};

function silence({ exit, endedFor, limits, log }: ChildStory): [AttemptErrorCode, string] {
  const { code, signal } = exit;
  if (endedFor === 'timeout') return ['TIMEOUT', 'the attempt took longer than its timeout, and its process was ended'];
  if (endedFor !== undefined) {
    return ['STOPPED', `the attempt was told to stop (${endedFor}), did not end in time, and its process was ended`];
  }
  if (limits !== undefined && code === launchFailedCode)
    return ['CHILD_SPAWN_FAILED', `the child process could not be put within its limits: ${log.at(-1) ?? ''}`];
  const complaint = limits === undefined ? undefined : limitComplainedOf(limits, log.slice(-complaintLines).join('\n'));
  if (complaint !== undefined)
    return [complaint, `the child process was refused what its limits do not allow, and ended (${exitText(exit)})`];
  const isAbort = heapSignals.includes(signal ?? '') || heapExitCodes.includes(code ?? 0);
  if (isAbort && log.some((line) => heapIsFull.test(line))) {
    return ['CHILD_OUT_OF_MEMORY', 'the JavaScript heap of the child process was full'];
  }
  if (signal !== null)
    return ['CHILD_SIGNALED', `the child process was ended by ${signal}, which this runner had not sent`];
  if (code === 0) return ['NO_RESULT', 'the child process ended before the handler had returned or thrown'];
  return [
    'CHILD_EXITED',
    `the child process ended with exit code ${code ?? 0} before the handler had returned or thrown`,
  ];
}

function exitText({ code, signal }: Exit): string {
  return signal ?? `exit code ${code ?? 0}`;
}
