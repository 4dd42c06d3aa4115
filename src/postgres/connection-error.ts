import { LedgerError } from '../errors.ts';

interface ConnectionTrouble {
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
  /** True when a statement may have been under way, so that nobody knows whether it was recorded. */
  readonly underWay?: true;
}

/** What the errors of sockets, of pg and of servers have in common. */
export interface ErrorTraits {
  readonly code: string | undefined;
  readonly message: string;
  /** Of a socket error: `connect`, `getaddrinfo`, `read`, `write`. */
  readonly syscall: string | undefined;
  /** Host and port of a socket error that names them. */
  readonly address: string | undefined;
}

const server = 'a PostgreSQL server that answers';
const start = 'Start the server, or correct host and port in the connection string';
const credentials = 'Correct user and password in the connection string';
const later = 'Try again in a moment';

const lost: ConnectionTrouble = {
  expected: 'a connection that lasts',
  found: 'it lost',
  remedy: 'Try again; see the server log if it keeps happening',
  underWay: true,
};
const unknownHost: ConnectionTrouble = { expected: server, found: 'a host name nobody knows', remedy: start };
const noAnswer: ConnectionTrouble = { expected: server, found: 'no answer in time', remedy: start };
const noRoute: ConnectionTrouble = { expected: server, found: 'no network route to its host', remedy: start };
const untrusted: ConnectionTrouble = {
  expected: 'a server certificate this machine trusts',
  found: 'one it does not',
  remedy: 'Name its authority with sslrootcert=FILE in the connection string',
};

/** By SQLSTATE or errno. */
const byCode: Readonly<Record<string, ConnectionTrouble>> = {
  ECONNREFUSED: { expected: server, found: 'the connection refused: nothing listens there', remedy: start },
  ENOENT: { expected: server, found: 'no Unix socket there', remedy: start },
  ENOTFOUND: unknownHost,
  EAI_AGAIN: unknownHost,
  EHOSTUNREACH: noRoute,
  ENETUNREACH: noRoute,
  ETIMEDOUT: noAnswer,
  ECONNRESET: lost,
  ECONNABORTED: lost,
  EPIPE: lost,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  CERT_HAS_EXPIRED: { ...untrusted, found: 'one that has expired', remedy: 'Renew the certificate of the server' },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    expected: 'a server certificate for this host name',
    found: 'one for another',
    remedy: 'Connect by the name in the certificate',
  },
  '28P01': { expected: 'the right password', found: 'the server refusing user or password', remedy: credentials },
  '28000': {
    expected: 'a user this server lets in',
    found: 'the server refusing the user, its host or its missing encryption',
    remedy: 'Correct the connection string, or pg_hba.conf on the server',
  },
  '3D000': {
    expected: 'an existing database',
    found: 'no such database on this server',
    remedy: 'Correct its name in the connection string, or create it',
  },
  '53100': {
    expected: 'a server with room on its disk',
    found: 'its disk full; nothing of this command was recorded',
    remedy: 'Free or add space on the server; runners go on by themselves',
  },
  '53300': {
    expected: 'a free connection',
    found: 'too many connections to the server',
    remedy: 'Use smaller pools, or raise max_connections on the server',
  },
  '57P01': { ...lost, found: 'it ended by the server, which is stopping, or by an administrator' },
  '57P02': { ...lost, found: 'it ended by a crash of the server' },
  '57P03': { expected: 'a server that is ready', found: 'one that is starting or stopping', remedy: later },
  '57P05': { ...lost, found: 'it ended by the server for having been idle' },
  '08001': { expected: server, found: 'the connection not made', remedy: start },
  '08004': { expected: server, found: 'the connection refused', remedy: start },
};

/** pg has no codes for these. */
const byMessage: readonly (readonly [RegExp, ConnectionTrouble])[] = [
  [/^Connection terminated due to connection timeout|^timeout expired/, noAnswer],
  [
    /^timeout exceeded when trying to connect/,
    {
      expected: 'a connection within the time allowed',
      found: 'none: the server does not answer, or every connection of the pool is busy',
      remedy: 'Check host and port, or use a larger pool',
    },
  ],
  [/^Connection terminated|^Connection ended|^Query read timeout/, lost],
  [/is not queryable$/, { expected: lost.expected, found: lost.found, remedy: lost.remedy }],
  [
    /^The server does not support SSL connections/,
    {
      expected: 'a server with TLS, as sslmode asks',
      found: 'one without',
      remedy: 'Switch it on there, or say sslmode=disable',
    },
  ],
  [
    /^SASL: .*password must be a/,
    { expected: 'a password, which the server asks for', found: 'none', remedy: credentials },
  ],
];

/**
 * What a connection that was refused or lost means, or undefined if `error` is about something else.
 * @param writing - Whether a statement that writes may have been under way.
 */
export function connectionError(traits: ErrorTraits, cause: unknown, writing: boolean): LedgerError | undefined {
  const trouble = troubleOf(traits);
  if (trouble === undefined) return undefined;
  const at = traits.address === undefined ? '' : ` at ${traits.address}`;
  if (writing && trouble.underWay === true) {
    return new LedgerError('TASKLEDGER_OUTCOME_UNKNOWN', {
      expected: 'an answer to a command that writes',
      found: `the connection lost before it came (${traits.message || (traits.code ?? 'no reason given')})`,
      remedy: 'Look whether it was recorded, or send it again with the same id or key',
      cause,
    });
  }
  const { expected, found, remedy } = trouble;
  return new LedgerError('TASKLEDGER_UNREACHABLE', { expected: expected + at, found, remedy, cause });
}

function troubleOf({ code, message, syscall }: ErrorTraits): ConnectionTrouble | undefined {
  // A missing file of ours is no missing socket.
  if (code === 'ENOENT' && syscall !== 'connect') return undefined;
  // Without an answer while connecting nothing was sent; on an open connection, a statement was.
  if (code === 'ETIMEDOUT' && syscall !== 'connect') return { ...noAnswer, underWay: true };
  if (code !== undefined && Object.hasOwn(byCode, code)) return byCode[code];
  if (code?.startsWith('08') === true && code.length === 5) return lost;
  return byMessage.find(([pattern]) => pattern.test(message))?.[1];
}
