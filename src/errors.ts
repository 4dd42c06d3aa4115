/** What an error means to whoever ran the command; the command line turns it into its exit status. */
export type ErrorKind = 'usage' | 'refused' | 'unreachable' | 'fault';

interface ErrorCodeEntry {
  readonly kind: ErrorKind;
  /** One sentence for the reference page. */
  readonly meaning: string;
  /** The SQLSTATE our SQL functions raise for it, if they do. */
  readonly sqlState?: string;
}

/**
 * Every error the ledger reports on purpose. `docs/reference/errors.md` is proven equal to this table by a test,
 * and the SQLSTATEs to those raised in `migrations/`.
 */
export const errorCodes = {
  TASKLEDGER_INVALID_INPUT: {
    kind: 'usage',
    meaning: "A task's input does not fit its schema, or is not JSON the ledger can store.",
    sqlState: 'TL001',
  },
  TASKLEDGER_INVALID_OPTION: {
    kind: 'usage',
    meaning: 'An option is unknown, or its value is outside what is allowed.',
    sqlState: 'TL002',
  },
  TASKLEDGER_LIMIT_NOT_HELD: {
    kind: 'usage',
    meaning: 'A handler requires a limit that this machine cannot hold its attempts to; the runner does not start.',
  },
  TASKLEDGER_INVALID_TASK_NAME: {
    kind: 'usage',
    meaning: 'A task name is not made of dotted words such as `payouts.settle`.',
    sqlState: 'TL003',
  },
  TASKLEDGER_LIMIT_EXCEEDED: {
    kind: 'usage',
    meaning: 'A payload is larger, or nested deeper, than the documented limit.',
    sqlState: 'TL004',
  },
  TASKLEDGER_KEY_CONFLICT: {
    kind: 'refused',
    meaning: 'The idempotency key already belongs to a task with another input.',
    sqlState: 'TL005',
  },
  TASKLEDGER_NOT_OWNER: {
    kind: 'refused',
    meaning: 'This site does not own the realm, or is handing it over.',
    sqlState: 'TL006',
  },
  TASKLEDGER_APPEND_ONLY: {
    kind: 'refused',
    meaning: 'Something tried to change or remove a recorded event.',
    sqlState: 'TL007',
  },
  TASKLEDGER_NOT_MIGRATED: {
    kind: 'unreachable',
    meaning: 'The database has no taskledger schema, or an older one than this release needs.',
    sqlState: 'TL009',
  },
  TASKLEDGER_SCHEMA_NEWER: {
    kind: 'refused',
    meaning: 'The database was migrated by a newer release than this one.',
  },
  TASKLEDGER_MIGRATION_FAILED: { kind: 'fault', meaning: 'A migration could not be applied; nothing of it was kept.' },
  TASKLEDGER_SITE_NAME_TAKEN: {
    kind: 'refused',
    meaning: 'The database already carries another site name, which can never change.',
  },
  TASKLEDGER_SITE_KEY_INVALID: {
    kind: 'usage',
    meaning: 'There is no private key to seal blocks with, or what there is cannot be used.',
  },
  TASKLEDGER_SITE_KEY_UNKNOWN: {
    kind: 'refused',
    meaning: 'A block was signed with a key that is not one of its site.',
    sqlState: 'TL020',
  },
  TASKLEDGER_SEAL_CONFLICT: {
    kind: 'refused',
    meaning: 'Another sealer stored this block first; the tick is begun again.',
    sqlState: 'TL021',
  },
  TASKLEDGER_BLOCK_INCOMPLETE: {
    kind: 'fault',
    meaning: 'Events of a block are missing from the log; a projection stands at that block.',
    sqlState: 'TL040',
  },
  TASKLEDGER_NOT_A_PEER: {
    kind: 'refused',
    meaning: 'A database cannot be a peer: it is this site itself, or not the one that was added under this name.',
    sqlState: 'TL050',
  },
  TASKLEDGER_WRONG_SITE: {
    kind: 'usage',
    meaning: 'The database at a URL is another site than the one it was named for.',
  },
  TASKLEDGER_CANNOT_JOIN: {
    kind: 'refused',
    meaning:
      'Two sites cannot become peers yet; `details.problems` lists every reason with its remedy. Nothing was changed.',
  },
  TASKLEDGER_UNKNOWN_SITE: {
    kind: 'refused',
    meaning: 'A site is named that this one does not know.',
    sqlState: 'TL051',
  },
  TASKLEDGER_NOT_RECOVERING: {
    kind: 'refused',
    meaning: "A site's own stream was to be filled from elsewhere while the site is at work.",
    sqlState: 'TL052',
  },
  TASKLEDGER_BLOCK_UNKNOWN: {
    kind: 'fault',
    meaning: 'A proof was to be recorded of a block that is not stored like this.',
    sqlState: 'TL053',
  },
  TASKLEDGER_PROJECTION_IN_USE: {
    kind: 'refused',
    meaning: 'The free slot of a projection could not be emptied, because a query held it for longer than a second.',
    sqlState: 'TL041',
  },
  TASKLEDGER_REBUILD_RUNNING: {
    kind: 'refused',
    meaning: 'The projection is being made anew, or replayed, already.',
    sqlState: 'TL042',
  },
  TASKLEDGER_NOT_SEALED: {
    kind: 'refused',
    meaning: 'The event or task is in no block yet, so there is nothing to prove it with.',
  },
  TASKLEDGER_NOT_PROVEN: {
    kind: 'refused',
    meaning: 'The stored events of a block are not those that were sealed, so nothing of it can be proven.',
  },
  TASKLEDGER_OUTPUT_NOT_WRITTEN: {
    kind: 'refused',
    meaning: 'The file a command was to write is there already, or cannot be written.',
  },
  TASKLEDGER_UNREACHABLE: { kind: 'unreachable', meaning: 'The database did not answer, or refused the connection.' },
  TASKLEDGER_OUTCOME_UNKNOWN: {
    kind: 'unreachable',
    meaning: 'The connection was lost before the answer came: the command may or may not have been recorded.',
  },
  TASKLEDGER_NOT_ALLOWED: {
    kind: 'refused',
    meaning: 'The database user lacks the role this work needs; `docs/reference/roles.md` says what each may do.',
  },
  TASKLEDGER_READ_ONLY: {
    kind: 'unreachable',
    meaning: 'The database takes no writes: it is a standby, or the transaction is read-only.',
  },
  TASKLEDGER_CANCELLED: {
    kind: 'unreachable',
    meaning: 'The server ended a statement at a time limit or on somebody’s request; nothing of it was recorded.',
  },
  TASKLEDGER_INVALID_URL: { kind: 'usage', meaning: 'A connection string cannot be understood.' },
  TASKLEDGER_INVALID_ID: { kind: 'usage', meaning: 'A task id is not a UUID, or a position is not `site/seq`.' },
  TASKLEDGER_NOT_FOUND: { kind: 'refused', meaning: 'No such task is known here.', sqlState: 'TL010' },
  TASKLEDGER_WRONG_STATE: {
    kind: 'refused',
    meaning: 'The task is in a state in which this cannot be done to it.',
    sqlState: 'TL011',
  },
  TASKLEDGER_PROTECTED_NEEDS_ONE_SITE: {
    kind: 'refused',
    meaning: 'A protected task was submitted where more than one site holds the log, which cannot be guarded yet.',
    sqlState: 'TL012',
  },
  TASKLEDGER_ID_TAKEN: {
    kind: 'refused',
    meaning: 'The id chosen for a new task already belongs to another one.',
    sqlState: 'TL013',
  },
  TASKLEDGER_SECRET_USED: {
    kind: 'refused',
    meaning: 'The secret of a claim belongs to an earlier claim, or its runner was told that it was never granted.',
    sqlState: 'TL014',
  },
  TASKLEDGER_REALM_BUSY: {
    kind: 'refused',
    meaning: 'An open transaction that submits or decides kept a rebuild from beginning; nothing was changed.',
    sqlState: 'TL030',
  },
  TASKLEDGER_USAGE: { kind: 'usage', meaning: 'The command line was used in a way it does not offer.' },
  TASKLEDGER_HANDLERS_INVALID: { kind: 'usage', meaning: 'A handlers module cannot be loaded or exports no handlers.' },
  TASKLEDGER_PLUGINS_INVALID: {
    kind: 'usage',
    meaning: 'Plugins cannot be run as their manifests say; `details.problems` lists every problem of every manifest.',
  },
  TASKLEDGER_TIMEOUT: { kind: 'refused', meaning: 'What was waited for did not happen in the time allowed.' },
  TASKLEDGER_TASK_NOT_COMPLETED: {
    kind: 'refused',
    meaning: 'The task ended, or stopped, without completing, so it has no result.',
  },
  TASKLEDGER_UNKNOWN_EVENT: {
    kind: 'fault',
    meaning: 'A stored event has a type or a data version this release does not know.',
  },
  TASKLEDGER_HISTORY_BROKEN: { kind: 'fault', meaning: 'The events of a task do not follow one another.' },
  TASKLEDGER_NO_POSTGRES_BINARY: {
    kind: 'usage',
    meaning: 'No embedded PostgreSQL is available for this platform, or its files cannot be used.',
  },
  TASKLEDGER_EMBEDDED_FAILED: { kind: 'fault', meaning: 'The embedded PostgreSQL did not start or stop as it should.' },
  TASKLEDGER_DATA_DIR_IN_USE: { kind: 'refused', meaning: 'Another process is using this data directory.' },
  TASKLEDGER_INTERNAL: { kind: 'fault', meaning: 'Something this program did not expect; please report it.' },
} as const satisfies Record<string, ErrorCodeEntry>;

export type LedgerErrorCode = keyof typeof errorCodes;

export interface LedgerErrorParts {
  /** What would have been right. Noun phrase, no full stop. */
  readonly expected: string;
  /** What was there instead. Never a payload or a secret. */
  readonly found: string;
  /** What to do next. Imperative, no full stop. */
  readonly remedy: string;
  readonly cause?: unknown;
  /** Machine-readable particulars, such as every schema issue with its path. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The one error class of the ledger: a stable `code`, and a message that says what was expected, found, and what to do. */
export class LedgerError extends Error {
  override readonly name = 'LedgerError';
  readonly code: LedgerErrorCode;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: LedgerErrorCode, parts: LedgerErrorParts) {
    super(
      `Expected ${parts.expected}; found ${parts.found}. ${parts.remedy}.`,
      parts.cause === undefined ? undefined : { cause: parts.cause },
    );
    this.code = code;
    this.expected = parts.expected;
    this.found = parts.found;
    this.remedy = parts.remedy;
    this.details = parts.details;
  }

  get kind(): ErrorKind {
    return errorCodes[this.code].kind;
  }

  toJSON(): Record<string, unknown> {
    return {
      error: this.code,
      message: this.message,
      expected: this.expected,
      found: this.found,
      remedy: this.remedy,
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}

/** The `code` of whatever was thrown, for signals and logs: ours, Postgres's or Node's; `unknown` if it has none. */
export function errorCodeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : 'unknown';
}
