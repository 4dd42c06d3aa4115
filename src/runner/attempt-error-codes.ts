/** What a failed attempt's error code means; `docs/reference/attempt-errors.md` is proven equal to this table by a test. */
interface AttemptErrorEntry {
  readonly meaning: string;
  /** What to look at first. Imperative, a full sentence. */
  readonly remedy: string;
  /** Nobody said how the attempt went: a protected task is then in doubt instead of being tried again. */
  readonly unsaid?: true;
  /** Recorded by the ledger's SQL functions, not by a runner. */
  readonly ledger?: true;
}

/** Every `error.code` of `task.attempt_failed` and `task.failed`. */
export const attemptErrorCodes = {
  HANDLER_ERROR: {
    meaning: 'The handler threw, or its promise was rejected.',
    remedy: 'Read name, message, stack and cause of the error: they are the handler’s own.',
  },
  INVALID_INPUT: {
    meaning:
      'The input does not fit the schema of the definition; the handler was not called, and no retry would help.',
    remedy: 'Read `details.issues`; submit a corrected task, or mend the schema and retry.',
  },
  INVALID_OUTPUT: {
    meaning:
      'What the handler returned does not fit the schema of the definition, or is not JSON the ledger can store.',
    remedy: 'Read `details.issues`. The handler did run: what it did outside has happened.',
  },
  TIMEOUT: {
    meaning: 'The attempt took longer than the timeout of the task.',
    remedy: 'Find out what it waited for (`log_tail` in a child process), or give the task a longer timeout.',
  },
  STOPPED: {
    meaning: 'The attempt was told to stop for another reason than its timeout, and its process did not end by itself.',
    remedy: 'Let the handler listen to `signal`, or give it more `graceMs`.',
    unsaid: true,
  },
  MODULE_FAILED: {
    meaning: 'The child process could not load the handler’s module, or found no handler of this name in it.',
    remedy: 'Read the message: it is the same error a runner gives at its start. The module may have changed since.',
  },
  PROGRAM_NOT_FOUND: {
    meaning: 'The program to be started is not on this machine; the handler was not called.',
    remedy:
      'Install it where the runner runs, or mend `command` of the manifest or the runner’s PATH; after an upgrade of Node, restart the runner.',
  },
  PROGRAM_NOT_EXECUTABLE: {
    meaning: 'The program is there, but the system does not execute it; the handler was not called.',
    remedy: 'Look at its permissions, at the interpreter in its first line, and whether it is made for this machine.',
  },
  MACHINE_FULL: {
    meaning: 'The machine refused another process; the handler was not called.',
    remedy:
      'Look at `cause`: EAGAIN is too many processes, EMFILE and ENFILE too many open files, ENOMEM no memory. Run fewer at once, or raise that limit.',
  },
  CHILD_DIRECTORY_FAILED: {
    meaning: 'The directory of the attempt could not be made or filled, or was removed; the handler was not called.',
    remedy:
      'Look at `cause`, and at the directory for temporary files (TMPDIR): space, permissions, what cleans it up.',
  },
  CHILD_SPAWN_FAILED: {
    meaning: 'The child process could not be started, or not be put within its limits; the handler was not called.',
    remedy: 'Look at `cause` and the message; `run --explain-limits` tells what holds limits on this machine.',
  },
  CHILD_EXITED: {
    meaning: 'The child process ended with an exit code other than 0 before the handler had said how it went.',
    remedy:
      'Look at `exit_code`, and in `log_tail` for an error outside the handler’s promise or a call of process.exit or sys.exit.',
    unsaid: true,
  },
  CHILD_SIGNALED: {
    meaning: 'The child process was ended by a signal that this runner had not sent.',
    remedy:
      'Look at `exit_signal`: SIGKILL is often the kernel short of memory, SIGSEGV or SIGABRT a fault in native code.',
    unsaid: true,
  },
  CHILD_OUT_OF_MEMORY: {
    meaning: 'The JavaScript heap of the child process was full, or its Python had no memory left (MemoryError).',
    remedy: 'Let the handler hold less at a time; `usage.max_rss_bytes` tells how much it had.',
    unsaid: true,
  },
  PROGRAM_FAILED: {
    meaning: 'The program of an exec task ended with an exit code from 1 to 125, which is its word that it failed.',
    remedy: 'Look at `exit_code` and `log_tail`; what the code means is for the program to say.',
  },
  CPU_LIMIT: {
    meaning: 'The attempt took more processor time, all its processes together, than its limit `cpu`.',
    remedy: 'Look at `usage.cpu_ms`; look for a loop that does not end, or give it more.',
    unsaid: true,
  },
  MEMORY_LIMIT: {
    meaning: 'The attempt took more memory, all its processes together, than its limit `memory`, or was refused more.',
    remedy: 'Let the handler hold less at a time, or give it more; `usage.max_rss_bytes` tells how much it had.',
    unsaid: true,
  },
  FILE_LIMIT: {
    meaning: 'A process of the attempt wanted to have more files, sockets and pipes open than its limit `files`.',
    remedy: 'Look in the error and in `log_tail` for what it was opening; close what is not needed, or give it more.',
    unsaid: true,
  },
  PROCESS_LIMIT: {
    meaning: 'The attempt wanted to have more processes and threads than its limit `processes`.',
    remedy: 'A Node process alone has about 12 threads. Start fewer at a time, or give it more.',
    unsaid: true,
  },
  OUTPUT_LIMIT: {
    meaning: 'The attempt printed more on stdout and stderr than its limit `output`.',
    remedy: 'Look in `log_tail` for what it repeats; print less, or give it more.',
    unsaid: true,
  },
  DISK_LIMIT: {
    meaning: 'The attempt wanted to keep more in its own directory than its limit `disk`.',
    remedy: 'Remove what is not needed any more while the attempt runs, or give it more.',
    unsaid: true,
  },
  NO_RESULT: {
    meaning: 'The child process ended with exit code 0 before the handler had said how it went.',
    remedy: 'Look for process.exit or sys.exit in the handler or in what it calls.',
    unsaid: true,
  },
  TWO_RESULTS: {
    meaning: 'The child process told two results for one attempt; none of them is believed.',
    remedy: 'Look for code that writes to the descriptors of its process, or patches Node’s own modules.',
    unsaid: true,
  },
  PROTOCOL_BROKEN: {
    meaning: 'The child process sent something on the protocol descriptor that is no message of the protocol.',
    remedy: 'Look for code that writes to descriptor 3; print to stdout or stderr instead.',
    unsaid: true,
  },
  PROTOCOL_FORGED: {
    meaning: 'The child process sent a message that does not carry the secret number of this attempt.',
    remedy: 'Treat the handler’s code, and what it loads, as hostile until you know where the message came from.',
    unsaid: true,
  },
  PROTOCOL_TOO_LONG: {
    meaning: 'The child process sent a message longer than any message of the protocol can be.',
    remedy: 'Look for code that writes to descriptor 3; print to stdout or stderr instead.',
    unsaid: true,
  },
  RUNNER_FAULT: {
    meaning: 'The runner failed at something of its own while the attempt ran.',
    remedy: 'Report it, with the message and the stack.',
    unsaid: true,
  },
  DEADLINE: {
    meaning: 'The deadline of the whole task passed.',
    remedy: 'Submit it again with a later deadline if it is still wanted.',
    ledger: true,
  },
  UNKNOWN: {
    meaning: 'A runner of another make told an error without a code; what it told is in `details`.',
    remedy: 'Let that runner send `{"code": …}`.',
    ledger: true,
  },
} as const satisfies Record<string, AttemptErrorEntry>;

/** Stable codes of what can go wrong in an attempt, as recorded in `error.code`. */
export type AttemptErrorCode = {
  [Code in keyof typeof attemptErrorCodes]: (typeof attemptErrorCodes)[Code] extends { ledger: true } ? never : Code;
}[keyof typeof attemptErrorCodes];

/** Whether an attempt that ended so may have done its work all the same, as far as anybody knows. */
export function leavesDoubt(code: AttemptErrorCode): boolean {
  return 'unsaid' in attemptErrorCodes[code];
}
