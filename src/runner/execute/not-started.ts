import { existsSync } from 'node:fs';
import type { AttemptErrorCode } from '../attempt-error-codes.ts';
import { withoutStack } from './child-ending.ts';
import { AttemptFailure } from './failure.ts';

type Reason = readonly [code: AttemptErrorCode, message: string];

const full: Reason = ['MACHINE_FULL', 'the machine refused another process'];
const notExecutable: Reason = ['PROGRAM_NOT_EXECUTABLE', 'the program could not be executed'];

/** What the system says of a program it does not start. */
const reasons: Readonly<Record<string, Reason>> = {
  EAGAIN: full,
  EMFILE: full,
  ENFILE: full,
  ENOMEM: full,
  EACCES: notExecutable,
  EISDIR: notExecutable,
  ENOEXEC: notExecutable,
  ENOTDIR: ['PROGRAM_NOT_FOUND', 'the program was not found'],
};

/** To be thrown where a child process could not be started, for a reason of the runner's. */
export function notStarted(cause: unknown): AttemptFailure {
  return failed(['CHILD_SPAWN_FAILED', 'the child process could not be started'], cause);
}

/** To be thrown where an attempt could not be given its directory. */
export function noDirectory(cause: unknown): AttemptFailure {
  return failed(['CHILD_DIRECTORY_FAILED', 'the directory of the attempt could not be made, or is gone'], cause);
}

/** To be thrown where the system did not start a program. */
export function notSpawned(cause: unknown, file: string, directory: string): AttemptFailure {
  // The same word for a program, its interpreter and its working directory that are not there.
  if (!existsSync(directory)) return noDirectory(cause);
  const { code } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT') {
    const isThere = file.includes('/') && existsSync(file);
    const missing: Reason = isThere
      ? ['PROGRAM_NOT_EXECUTABLE', `the program ${file} is there, the interpreter in its first line is not`]
      : ['PROGRAM_NOT_FOUND', `the program ${file} was not found`];
    return failed(missing, cause);
  }
  const reason = reasons[code ?? ''];
  return reason === undefined ? notStarted(cause) : failed([reason[0], `${reason[1]} (${file})`], cause);
}

function failed([code, message]: Reason, cause: unknown): AttemptFailure {
  return cause instanceof AttemptFailure ? cause : new AttemptFailure(code, withoutStack(message, cause));
}
