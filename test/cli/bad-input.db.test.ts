import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_PAYLOAD_BYTES } from '../../src/events/limits.ts';
import { withConnection } from '../support/admin-connection.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { runCli, type CliOptions } from './run-cli.ts';

let db: TestDatabase;
let dir: string;
beforeAll(async () => {
  db = await createTestDatabase();
  dir = await mkdtemp(path.join(tmpdir(), 'taskledger-bad-input-'));
});
afterAll(async () => {
  await db.drop();
  await rm(dir, { recursive: true, force: true });
});

const events = (): Promise<number> =>
  withConnection(db.url, async (client) => {
    const { rows } = await client.query<{ n: number }>('select count(*)::int as n from taskledger.events');
    return rows[0]!.n;
  });

/** The error of a command that has to fail, after it was seen that nothing was recorded. */
async function refused(
  args: readonly string[],
  options: CliOptions = {},
): Promise<{ status: number | null; code: unknown; text: string }> {
  const before = await events();
  const result = await runCli([...args, '--json'], { url: db.url, cwd: dir, ...options });
  expect(await events()).toBe(before);
  expect(result.stdout).toBe('');
  return { status: result.status, code: result.error()['error'], text: result.stderr };
}

const file = (name: string, text: string | Buffer): string => {
  writeFileSync(path.join(dir, name), text);
  return `@${name}`;
};
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

const submits: readonly (readonly [string, () => readonly string[], string])[] = [
  ['input that is no JSON', () => ['--input', '{a:1}'], 'INVALID_INPUT'],
  ['a key said twice', () => ['--input', '{"amount":1,"amount":2}'], 'INVALID_INPUT'],
  ['NUL', () => ['--input', String.raw`{"a":"\u0000"}`], 'INVALID_INPUT'],
  ['a lone surrogate', () => ['--input', String.raw`"\ud800"`], 'INVALID_INPUT'],
  ['an integer beyond 2^53', () => ['--input', '9007199254740993'], 'INVALID_INPUT'],
  ['a number beyond all doubles', () => ['--input', '1e400'], 'INVALID_INPUT'],
  ['nesting of 65', () => ['--input', nested(65)], 'LIMIT_EXCEEDED'],
  [
    'one byte too much',
    () => ['--input', file('long', JSON.stringify('x'.repeat(MAX_PAYLOAD_BYTES - 1)))],
    'LIMIT_EXCEEDED',
  ],
  ['bytes that are no UTF-8', () => ['--input', file('latin', Buffer.from([0x22, 0xe9, 0x22]))], 'INVALID_INPUT'],
  ['an unknown option', () => ['--input', '1', '--prioritiy', '5'], 'USAGE'],
  ['a priority out of range', () => ['--input', '1', '--priority', '101'], 'INVALID_OPTION'],
  ['a time without its offset', () => ['--input', '1', '--start-after', '2030-01-31T08:00:00'], 'INVALID_OPTION'],
  ['an empty key', () => ['--input', '1', '--key', ''], 'INVALID_OPTION'],
  ['an over-long key', () => ['--input', '1', '--key', 'k'.repeat(501)], 'INVALID_OPTION'],
  ['a control character in the key', () => ['--input', '1', '--key', 'a\u001b[31m'], 'INVALID_OPTION'],
];

test.each(submits)('submit refuses %s', async (_what, args, code) => {
  expect(await refused(['submit', 'some.task', ...args()])).toMatchObject({ status: 2, code: `TASKLEDGER_${code}` });
});

test('the largest input is taken', async () => {
  const input = file('largest', JSON.stringify('x'.repeat(MAX_PAYLOAD_BYTES - 2)));
  const { status } = await runCli(['submit', 'some.task', '--input', input], { url: db.url, cwd: dir });
  expect(status).toBe(0);
});

test('one bad line keeps all lines of a file out, and is named', async () => {
  file('inputs', '{"n":1}\n{"n":2,"n":3}\n{"n":4}\n');
  const error = await refused(['submit', 'some.task', '--inputs', 'inputs']);
  expect(error).toMatchObject({ status: 2, code: 'TASKLEDGER_INVALID_INPUT' });
  expect(error.text).toContain('line 2');
});

test.each(['a b', '', '.a', 'x'.repeat(201)])('the task name %j is refused', async (name) => {
  expect(await refused(['submit', name, '--input', '1'])).toMatchObject({
    status: 2,
    code: 'TASKLEDGER_INVALID_TASK_NAME',
  });
});

test.each(['show', 'history'])('%s refuses an id that is no UUID', async (command) => {
  expect(await refused([command, '17'])).toMatchObject({ status: 2, code: 'TASKLEDGER_INVALID_ID' });
});

test.each(['', 'x'.repeat(2001), 'bell\u0007'])('abort refuses the reason %j', async (reason) => {
  const { objects } = await runCli(['submit', 'some.task', '--input', '1', '--json'], { url: db.url });
  const id = String(objects()[0]!['id']);
  expect(await refused(['abort', id, '--reason', reason])).toMatchObject({
    status: 2,
    code: 'TASKLEDGER_INVALID_OPTION',
  });
});

test.each(['postgres://u:hunter2@h:notaport/db', 'mysql://u:hunter2@h/db', 'hunter2'])(
  'the URL %j is refused',
  async (url) => {
    const error = await refused(['list'], { url });
    expect(error).toMatchObject({ status: 2, code: 'TASKLEDGER_INVALID_URL' });
    expect(error.text).not.toContain('hunter2');
  },
);

test('a database that is not migrated, half migrated or newer is told with what to run', async () => {
  await using empty = await createTestDatabase({ empty: true });
  const none = await runCli(['submit', 'some.task', '--input', '1', '--json'], { url: empty.url });
  expect([none.status, none.error()['error']]).toEqual([3, 'TASKLEDGER_NOT_MIGRATED']);
  expect(none.stderr).toContain('taskledger migrate');
  await using half = await createTestDatabase();
  await withConnection(half.url, (client) => client.query(`delete from taskledger.migrations where name like '0002%'`));
  const older = await runCli(['list', '--json'], { url: half.url });
  expect([older.status, older.error()['error']]).toEqual([3, 'TASKLEDGER_NOT_MIGRATED']);
  await withConnection(half.url, (client) =>
    client.query(`insert into taskledger.migrations values ('9000_later', '')`),
  );
  const newer = await runCli(['list', '--json'], { url: half.url });
  expect([newer.status, newer.error()['error']]).toEqual([1, 'TASKLEDGER_SCHEMA_NEWER']);
});
