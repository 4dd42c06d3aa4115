import { LedgerError } from '../errors.ts';

const sslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'];
const otherSchemes = ['mysql:', 'mariadb:', 'mongodb:', 'redis:', 'sqlite:', 'jdbc:', 'file:', 'http:', 'https:'];

/**
 * Returns `text` if it is a URL the ledger can connect to: `postgres://user:password@host:5432/database?sslmode=verify-full`.
 * User, password and database may be left out; Unix sockets are `postgres:///database?host=/run/postgresql`.
 * @throws LedgerError TASKLEDGER_INVALID_URL; its message never repeats the text, which may hold a password.
 */
export function requireConnectionString(text: string | undefined): string {
  if (text === undefined || text.trim() === '') {
    throw invalid('nothing', 'Set TASKLEDGER_DATABASE_URL, or pass a connection string');
  }
  const url = parse(text);
  if (url === undefined) throw invalid(...whatIsWrong(text));
  if (url.hostname.includes(',')) throw invalid('several hosts', 'Name the one server that takes writes');
  if (![url.username, url.password, url.pathname].every(isDecodable)) {
    throw invalid('a % that begins no character', 'Write % as %25 in the user, the password and the database');
  }
  const sslMode = url.searchParams.get('sslmode');
  if (sslMode !== null && !sslModes.includes(sslMode)) {
    throw invalid('an unknown sslmode', `Use one of ${sslModes.join(', ')}`);
  }
  return text;
}

/** The same URL with its password as `***`, for logs; a text that is no URL is not shown at all. */
export function redactUrl(text: string): string {
  const url = parse(text);
  if (url === undefined) return '(not a connection URL)';
  if (url.password !== '') url.password = '***';
  if (url.searchParams.has('password')) url.searchParams.set('password', '***');
  return url.href;
}

function parse(text: string): URL | undefined {
  // WHATWG URLs have no user without a host; libpq's and pg's have: the socket, or localhost.
  const given = text.trim().replace('@/', '@localhost/');
  const url = URL.canParse(given) ? new URL(given) : undefined;
  return url?.protocol === 'postgres:' || url?.protocol === 'postgresql:' ? url : undefined;
}

function whatIsWrong(text: string): [found: string, remedy: string] {
  if (/^\s*postgres(ql)?:\/\//.test(text)) {
    return [
      'one with a part that cannot be read',
      'Check host and port, and percent-encode special characters in user and password: # as %23, / as %2F, @ as %40',
    ];
  }
  if (/\b(host|dbname|user)\s*=/.test(text)) return ['keywords and values', 'Write it as a URL'];
  const scheme = otherSchemes.find((each) => text.trim().startsWith(each));
  return [scheme === undefined ? 'another text' : `a URL that begins with ${scheme}`, 'Correct the connection string'];
}

function isDecodable(part: string): boolean {
  try {
    decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

function invalid(found: string, remedy: string): LedgerError {
  const expected = 'a connection URL such as postgres://user:password@host:5432/database';
  return new LedgerError('TASKLEDGER_INVALID_URL', { expected, found, remedy });
}
