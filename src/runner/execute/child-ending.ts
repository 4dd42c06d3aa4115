import type { Handler } from '../../ledger/define-task.ts';
import type { AttemptErrorCode } from '../attempt-error-codes.ts';
import type { Ending, StopReason } from './execution.ts';
import { AttemptFailure, failureOf, type Failure } from './failure.ts';

/** How a child process ended, as the operating system tells it. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Everything that is known of a child that is gone. */
export interface ChildStory {
  readonly exit: Exit;
  /** What it said, if it kept to the protocol. */
  readonly result: Ending | undefined;
  readonly breach: AttemptErrorCode | undefined;
  /** Why the runner ended it before it had said anything; undefined if it did not. */
  readonly endedFor: StopReason | undefined;
  readonly log: readonly string[];
}

const heapIsFull = /JavaScript heap out of memory/;
/** What V8 ends a process by when its heap is full: SIGABRT, SIGTRAP in newer ones, or their codes through a shell. */
const heapSignals: readonly string[] = ['SIGABRT', 'SIGTRAP', 'SIGILL'];
const heapExitCodes: readonly number[] = [132, 133, 134];

/** How the attempt of a child that is gone ended. A child that said how it went is believed, however it left. */
export function childEnding(story: ChildStory, handler: Handler): Ending {
  if (story.breach !== undefined)
    return { failure: childFailure(story.breach, breachText[story.breach] ?? '', handler) };
  if (story.result !== undefined) return story.result;
  const [code, message] = silence(story);
  return { failure: childFailure(code, message, handler) };
}

/** A failure that no handler threw: there is no stack worth keeping. */
export function childFailure(code: AttemptErrorCode, message: string, handler: Handler, cause?: unknown): Failure {
  return failureOf(new AttemptFailure(code, withoutStack(message, cause)), handler);
}

/** To be thrown where a child process could not be started. */
export function notStarted(cause: unknown): AttemptFailure {
  return new AttemptFailure('CHILD_SPAWN_FAILED', withoutStack('the child process could not be started', cause));
}

function withoutStack(message: string, cause: unknown): Error {
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

function silence({ exit: { code, signal }, endedFor, log }: ChildStory): [AttemptErrorCode, string] {
  if (endedFor === 'timeout') return ['TIMEOUT', 'the attempt took longer than its timeout, and its process was ended'];
  if (endedFor !== undefined) {
    return ['STOPPED', `the attempt was told to stop (${endedFor}), did not end in time, and its process was ended`];
  }
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
