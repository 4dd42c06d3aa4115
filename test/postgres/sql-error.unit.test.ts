import { describe, expect, test } from 'vitest';
import { LedgerError, errorCodes } from '../../src/errors.ts';
import { requireUsableServer } from '../../src/postgres/migration-session.ts';
import { translateSqlError } from '../../src/postgres/sql-error.ts';

const failure = (message: string, traits: object = {}): Error => Object.assign(new Error(message), traits);
const sqlError = (code: string, message = 'refused'): Error => failure(message, { code, severity: 'ERROR' });

describe('errors our SQL functions raise', () => {
  const states = Object.entries(errorCodes).flatMap(([code, entry]) =>
    'sqlState' in entry ? [[entry.sqlState, code] as const] : [],
  );

  test.each(states)('%s is %s', (state, code) => {
    const cause = sqlError(state, 'Expected a; found b. Do c.');
    expect(translateSqlError(cause)).toMatchObject({ code, expected: 'a', found: 'b', remedy: 'Do c', cause });
  });

  test.each([
    ["Expected x: y, z; found 'a. b; found c.'. Correct it; nothing was recorded.", "'a. b; found c.'"],
    ['Expected a name; found\nlines. Choose another.', undefined],
    ['no form at all.', 'no form at all'],
  ])('%j is taken apart and keeps its words', (message, found) => {
    const error = translateSqlError(sqlError('TL002', message)) as LedgerError;
    expect(error.code).toBe('TASKLEDGER_INVALID_OPTION');
    if (found !== undefined) expect(error.found).toBe(found);
    expect(error.message).toContain(message.replace(/\.$/, ''));
  });

  test('a SQLSTATE of that form that is not ours stays what it was', () => {
    const error = sqlError('TL999');
    expect(translateSqlError(error)).toBe(error);
  });
});

describe('connections', () => {
  const refused: readonly (readonly [Error, RegExp])[] = [
    [
      failure('', { code: 'ECONNREFUSED', syscall: 'connect', address: '::1', port: 5432 }),
      /at \[::1\]:5432; .*refused/,
    ],
    [failure('', { code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'nowhere' }), /at nowhere; .*nobody knows/],
    [failure('', { code: 'EAI_AGAIN', syscall: 'getaddrinfo', hostname: 'nowhere' }), /nobody knows/],
    [failure('', { code: 'EHOSTUNREACH', syscall: 'connect' }), /no network route/],
    [failure('', { code: 'ETIMEDOUT', syscall: 'connect' }), /no answer in time/],
    [failure('', { code: 'ENOENT', syscall: 'connect', address: '/run/.s.PGSQL.5432' }), /at \/run.*no Unix socket/],
    [failure('timeout exceeded when trying to connect'), /every connection of the pool is busy/],
    [failure('Connection terminated due to connection timeout'), /no answer in time/],
    [failure('The server does not support SSL connections'), /sslmode=disable/],
    [failure('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'), /a password.*found none/],
    [failure('', { code: 'SELF_SIGNED_CERT_IN_CHAIN' }), /sslrootcert/],
    [failure('Client has encountered a connection error and is not queryable'), /found it lost/],
    [sqlError('28P01'), /Correct user and password/],
    [sqlError('28000'), /pg_hba\.conf/],
    [sqlError('3D000'), /no such database/],
    [sqlError('53300'), /too many connections/],
    [sqlError('57P03'), /starting or stopping/],
    [sqlError('08001'), /not made/],
  ];
  const lost: readonly Error[] = [
    failure('Connection terminated unexpectedly'),
    failure('Connection terminated'),
    failure('Query read timeout'),
    failure('read ECONNRESET', { code: 'ECONNRESET', syscall: 'read' }),
    failure('write EPIPE', { code: 'EPIPE', syscall: 'write' }),
    failure('read ETIMEDOUT', { code: 'ETIMEDOUT', syscall: 'read' }),
    sqlError('57P01', 'terminating connection due to administrator command'),
    sqlError('57P02'),
    sqlError('08006'),
    sqlError('08P01'),
  ];

  test.each(refused)('%o says what is wrong, and that nothing was sent', (error, message) => {
    for (const writing of [false, true]) {
      const translated = translateSqlError(error, { writing });
      expect(translated).toMatchObject({ code: 'TASKLEDGER_UNREACHABLE', message: expect.stringMatching(message) });
    }
  });

  test.each(lost.map((error) => [error]))('%o leaves the outcome of a write unknown', (error) => {
    expect(translateSqlError(error, { writing: true })).toMatchObject({ code: 'TASKLEDGER_OUTCOME_UNKNOWN' });
    expect(translateSqlError(error)).toMatchObject({ code: 'TASKLEDGER_UNREACHABLE', cause: error });
  });

  test('a host with several addresses is told by the first', () => {
    const first = failure('', { code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port: 1 });
    const message = expect.stringContaining('127.0.0.1:1');
    expect(translateSqlError(new AggregateError([first, first]))).toMatchObject({ message });
  });
});

test.each([
  ['3F000', 'schema "taskledger" does not exist'],
  ['42P01', 'relation "taskledger.events" does not exist'],
  ['42883', 'function taskledger.submit(unknown) does not exist'],
])('%s about our schema means it is not migrated', (state, message) => {
  const error = { code: 'TASKLEDGER_NOT_MIGRATED', remedy: 'Run: taskledger migrate' };
  expect(translateSqlError(sqlError(state, message))).toMatchObject(error);
  const theirs = sqlError(state, message.replace('taskledger', 'shop'));
  expect(translateSqlError(theirs)).toBe(theirs);
});

test.each(['22P02', '22P05', '22021', '22030', '22032'])('%s is invalid input, told without its value', (state) => {
  const error = translateSqlError(sqlError(state, 'invalid input syntax for type uuid: "hunter2"')) as LedgerError;
  expect(error).toMatchObject({ code: 'TASKLEDGER_INVALID_INPUT', found: 'invalid input syntax for type uuid' });
  expect(error.cause).toBeUndefined();
});

describe('rights and limits of the session', () => {
  test.each([
    ['permission denied for function submit', 'grant taskledger_submitter to USER'],
    ['permission denied for function resolve', 'grant taskledger_operator to USER'],
    ['permission denied for view tasks', 'grant taskledger_auditor to USER'],
    ['keine Berechtigung für Funktion »claim«', 'grant taskledger_runner to USER'],
    ['permission denied for schema taskledger', 'grant taskledger_runner to USER'],
  ])('%s names a role that may', (message, grant) => {
    const remedy = expect.stringContaining(grant);
    expect(translateSqlError(sqlError('42501', message))).toMatchObject({ code: 'TASKLEDGER_NOT_ALLOWED', remedy });
  });

  test.each([
    ['25006', 'cannot execute INSERT in a read-only transaction', 'TASKLEDGER_READ_ONLY', /Connect to the primary/],
    ['57014', 'canceling statement due to statement timeout', 'TASKLEDGER_CANCELLED', /raise statement_timeout/],
    ['55P03', 'canceling statement due to lock timeout', 'TASKLEDGER_CANCELLED', /lock_timeout/],
  ])('%s, %s, is %s', (state, message, code, remedy) => {
    const error = translateSqlError(sqlError(state, message), { writing: true });
    expect(error).toMatchObject({ code, remedy: expect.stringMatching(remedy), kind: 'unreachable' });
  });
});

test('a server older than 16, or of another encoding, is refused before anything is written', () => {
  const good = { version: 160_000, release: '16.0', encoding: 'UTF8' };
  expect(() => requireUsableServer(good)).not.toThrow();
  const old = { ...good, version: 159_999, release: '15.9' };
  expect(() => requireUsableServer(old)).toThrow(/PostgreSQL 16 or newer; found PostgreSQL 15\.9/);
  expect(() => requireUsableServer({ ...good, encoding: 'LATIN1' })).toThrow(/encoding UTF8; found encoding LATIN1/);
});

test.each([
  sqlError('23505', 'duplicate key value'),
  sqlError('40001'),
  new TypeError('a bug'),
  failure('no such file', { code: 'ENOENT', syscall: 'open' }),
  new LedgerError('TASKLEDGER_NOT_FOUND', { expected: 'a', found: 'b', remedy: 'c' }),
  'thrown text',
  undefined,
])('%o comes back unchanged', (error) => {
  expect(translateSqlError(error, { writing: true })).toBe(error);
});
