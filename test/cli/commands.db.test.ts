import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { withConnection } from '../support/admin-connection.ts';
import { runCli, spawnCli, type CliResult } from './run-cli.ts';

let db: TestDatabase;
let dir: string;
beforeAll(async () => {
  db = await createTestDatabase();
  dir = await mkdtemp(join(tmpdir(), 'taskledger-cli-'));
});
afterAll(async () => {
  await db.drop();
  await rm(dir, { recursive: true, force: true });
});

const cli = (args: readonly string[], stdin?: string): Promise<CliResult> =>
  runCli(args, { url: db.url, cwd: dir, ...(stdin === undefined ? {} : { stdin }) });

async function submitted(name: string, ...options: string[]): Promise<string> {
  const { objects } = await cli(['submit', name, '--input', '{"a":1}', ...options, '--json']);
  return String(objects()[0]?.['id']);
}

const uuid = expect.stringMatching(/^[0-9a-f-]{36}$/);
const nowhere = 'postgres://app:hunter2@127.0.0.1:1/app';
const unknownId = '019a3b5c-0e8f-7c1a-9d2e-3f4a5b6c7d8e';

describe('submit', () => {
  test('answers the task with its position; a key makes it safe to repeat', async () => {
    const args = ['submit', 'cli.keyed', '--input', '{"a":1}', '--key', 'k1', '--json'];
    const [first] = (await cli(args)).objects();
    expect(first).toEqual({
      id: uuid,
      site: 'ams',
      seq: expect.stringMatching(/^\d+$/),
      position: `ams/${String(first?.['seq'])}`,
      created: true,
    });
    const again = await cli(args);
    expect([again.status, again.objects()]).toEqual([0, [{ ...first, created: false }]]);
    const other = await cli(['submit', 'cli.keyed', '--input', '{"a":2}', '--key', 'k1', '--json']);
    expect([other.status, other.error()['error']]).toEqual([1, 'TASKLEDGER_KEY_CONFLICT']);
  });

  test('records every option', async () => {
    const id = await submitted(
      'cli.options',
      '--queue',
      'q',
      '--group',
      'g',
      '--priority',
      '-5',
      '--start-after',
      '1h',
      '--start-before',
      '2h',
      '--deadline',
      '3h',
      '--attempts',
      '7',
      '--timeout',
      '90s',
      '--protected',
    );
    const [task] = (await cli(['show', id, '--json'])).objects();
    expect(task).toMatchObject({
      id,
      name: 'cli.options',
      state: 'pending',
      input: { a: 1 },
      queue: 'q',
      group: 'g',
      priority: -5,
      attempts: 7,
      timeout_ms: 90_000,
      protected: true,
      submitted: expect.stringMatching(/^ams\/\d+$/),
    });
    expect(Date.parse(String(task?.['start_before'])) - Date.parse(String(task?.['run_at']))).toBeCloseTo(
      3_600_000,
      -3,
    );
  });

  test('takes the input from stdin or a file', async () => {
    await writeFile(join(dir, 'input.json'), '\ufeff{"from":"file"}');
    const piped = await cli(['submit', 'cli.input', '--input', '-', '--json'], '{"from":"stdin"}');
    const file = await cli(['submit', 'cli.input', '--input', '@input.json', '--json']);
    expect([piped.status, file.status]).toEqual([0, 0]);
    const listed = await cli(['list', '--name', 'cli.input']);
    expect(listed.stdout.trimEnd().split('\n')).toHaveLength(3);
  });

  test.concurrent.each([
    ['text that is not JSON', ['cli.bad', '--input', '{"secret":'], 'TASKLEDGER_INVALID_INPUT'],
    ['a number JSON cannot carry', ['cli.bad', '--input', '9007199254740993'], 'TASKLEDGER_INVALID_INPUT'],
    ['a NUL', ['cli.bad', '--input', '"\\u0000"'], 'TASKLEDGER_INVALID_INPUT'],
    ['a name that is none', ['not a name', '--input', '1'], 'TASKLEDGER_INVALID_TASK_NAME'],
    ['a priority beyond the limit', ['cli.bad', '--input', '1', '--priority', '101'], 'TASKLEDGER_INVALID_OPTION'],
    [
      'a time without its offset',
      ['cli.bad', '--input', '1', '--start-after', '2026-01-31T08:00:00'],
      'TASKLEDGER_INVALID_OPTION',
    ],
    ['no input', ['cli.bad'], 'TASKLEDGER_USAGE'],
    ['a file that is not there', ['cli.bad', '--input', '@nowhere.json'], 'TASKLEDGER_INVALID_OPTION'],
    ['an unknown option', ['cli.bad', '--input', '1', '--prority', '1'], 'TASKLEDGER_USAGE'],
  ])('refuses %s with status 2', async (_name, args, code) => {
    const { status, stdout, error } = await cli(['submit', ...args, '--json']);
    expect([status, stdout, error()['error']]).toEqual([2, '', code]);
    expect(Object.keys(error())).toEqual(expect.arrayContaining(['message', 'expected', 'found', 'remedy']));
    expect(JSON.stringify(error())).not.toContain('secret');
  });
});

describe('show and history', () => {
  test('tell one task, with control characters made visible', async () => {
    const id = await submitted('cli.story', '--group', 'a\u202eb', '--attempts', '2');
    const [event] = (await cli(['history', id, '--json'])).objects();
    expect(event).toMatchObject({
      type: 'task.submitted',
      task_id: id,
      version: 1,
      realm: 'ams',
      epoch: 1,
      data: { input: { a: 1 }, group: 'a\u202eb' },
    });
    expect(event?.['position']).toBe(`ams/${String(event?.['seq'])}`);
    const text = await cli(['history', id]);
    expect(text.stdout).toMatch(
      /^\d{4}-\d\d-\d\d [\d:.]{12} {2}ams\/\d+ {2}.* submitted cli\.story \(group a\\u\{202e\}b, 2 attempts at most\) with \{"a":1\}\.\n$/,
    );
    expect((await cli(['show', id])).stdout).toContain('a\\u{202e}b');
  });

  test.each(['show', 'history'])('%s: not found is status 1, no id is status 2', async (command) => {
    const unknown = await cli([command, unknownId, '--json']);
    expect([unknown.status, unknown.stdout, unknown.error()['error']]).toEqual([1, '', 'TASKLEDGER_NOT_FOUND']);
    const wrong = await cli([command, '17', '--json']);
    expect([wrong.status, wrong.error()['error']]).toEqual([2, 'TASKLEDGER_INVALID_ID']);
  });
});

describe('list', () => {
  test('filters, newest first, one object per line', async () => {
    const first = await submitted('cli.listed', '--queue', 'l1');
    const second = await submitted('cli.listed', '--queue', 'l2');
    const ids = async (...args: string[]): Promise<unknown[]> => {
      const { stdout, objects } = await cli(['list', '--name', 'cli.listed', '--json', ...args]);
      return stdout === '' ? [] : objects().map(({ id }) => id);
    };
    expect(await ids()).toEqual([second, first]);
    expect(await ids('--queue', 'l1')).toEqual([first]);
    expect(await ids('--limit', '1')).toEqual([second]);
    expect(await ids('--state', 'completed')).toEqual([]);
    expect(await ids('--since', '1h')).toHaveLength(2);
    expect((await cli(['list', '--state', 'running'])).status).toBe(2);
  });

  test('ends quietly when whoever reads it has seen enough', async () => {
    const child = spawnCli(['list', '--json', '--limit', '100000'], { url: db.url });
    child.stdout?.destroy();
    const [status] = (await once(child, 'exit')) as [number | null];
    expect(status).toBe(0);
  });
});

describe('requests', () => {
  test('abort: each task is asked, with the reason; one that is not known makes the status 1, and aborting twice is fine', async () => {
    const id = await submitted('cli.aborted');
    const done = await cli(['abort', id, '--reason', 'no longer needed', '--json']);
    expect([done.status, done.objects()]).toEqual([0, [{ id, state: 'aborted', granted: true }]]);
    const again = await cli(['abort', unknownId, id, '--reason', 'twice', '--json']);
    expect([again.status, again.objects(), again.error()['error']]).toEqual([
      1,
      [{ id, state: 'aborted', granted: true }],
      'TASKLEDGER_NOT_FOUND',
    ]);
    const story = (await cli(['history', id])).stdout;
    expect(story).toContain('asked for it to be aborted, because: no longer needed.');
    expect(story).toMatch(/Aborted, because: no longer needed, as asked in ams\/\d+\./);
    expect((await cli(['abort', id])).status).toBe(2);
  });

  test('retry and reschedule', async () => {
    const id = await submitted('cli.again');
    await cli(['abort', id, '--reason', 'x']);
    expect((await cli(['retry', id, '--reason', 'needed after all'])).stdout).toBe(`${id}  ready to run again\n`);
    expect((await cli(['reschedule', id, '--priority', '7', '--reason', 'urgent'])).stdout).toBe(
      `${id}  rescheduled\n`,
    );
    expect((await cli(['reschedule', id, '--reason', 'nothing said'])).status).toBe(2);
    expect((await cli(['resolve', id, '--outcome', 'failed', '--reason', 'not in doubt'])).status).toBe(1);
  });
});

describe('the connection', () => {
  test('a database that does not answer is status 3, and its password stays secret', async () => {
    const { status, error, stderr } = await runCli(['list', '--json'], { url: nowhere });
    expect([status, error()['error']]).toEqual([3, 'TASKLEDGER_UNREACHABLE']);
    expect(stderr).not.toContain('hunter2');
  });

  test('a password in argv is accepted with a warning', async () => {
    const { status, stderr } = await runCli(['list', '--url', nowhere]);
    expect(status).toBe(3);
    expect(stderr).toContain('warning');
    expect(stderr).not.toContain('hunter2');
  });

  test('a URL can come from a file or from stdin', async () => {
    await writeFile(join(dir, 'url'), `${db.url}\n`);
    const read = [
      await runCli(['list', '--url', '@url', '--json'], { cwd: dir }),
      await runCli(['list', '--url', '-', '--json'], { stdin: db.url }),
    ];
    expect(read.map(({ status, stderr }) => [status, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
  });

  test('none at all, or one that is none, is status 2', async () => {
    expect((await runCli(['list'], { cwd: dir })).status).toBe(2);
    expect((await runCli(['list'], { url: 'mysql://a@b/c' })).status).toBe(2);
  });

  test('a database without the schema is status 3 and says what to run; migrate prepares it, and twice is fine', async () => {
    await using empty = await createTestDatabase({ empty: true });
    const before = await runCli(['list', '--json'], { url: empty.url });
    expect([before.status, before.error()['error'], before.error()['remedy']]).toEqual([
      3,
      'TASKLEDGER_NOT_MIGRATED',
      expect.stringContaining('taskledger migrate'),
    ]);
    const migrated = await runCli(['migrate', '--site', 'fra', '--json'], { url: empty.url });
    expect(migrated.objects()).toMatchObject([
      { site: 'fra', migrations_applied: expect.arrayContaining([expect.stringMatching(/^0001/)]) },
    ]);
    expect((await runCli(['migrate'], { url: empty.url })).stdout).toBe('Site fra is up to date.\n');
    const renamed = await runCli(['migrate', '--site', 'ams', '--json'], { url: empty.url });
    expect([renamed.status, renamed.error()['error']]).toEqual([1, 'TASKLEDGER_SITE_NAME_TAKEN']);
  });
});

describe('usage', () => {
  test('help and version are no errors; no command and an unknown one are status 2', async () => {
    const [help, version, none, unknown] = await Promise.all(
      [['--help'], ['--version'], [], ['lsit', '--json']].map((args) => runCli(args)),
    );
    expect([help?.status, help?.stderr, version?.status, none?.status, unknown?.status]).toEqual([0, '', 0, 2, 2]);
    expect(help?.stdout).toContain('.taskledger/url');
    expect(version?.stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(unknown?.error()).toMatchObject({
      error: 'TASKLEDGER_USAGE',
      remedy: expect.stringContaining('Did you mean list'),
    });
  });
});

describe('submit --inputs', () => {
  const count = (name: string): Promise<number> =>
    withConnection(db.url, async (client) => {
      const { rows } = await client.query<{ n: number }>(
        "select count(*)::int as n from taskledger.events where data ->> 'name' = $1",
        [name],
      );
      return rows[0]?.n ?? 0;
    });
  const lines = (n: number): string[] =>
    Array.from({ length: n }, (_, i) => JSON.stringify({ path: `f${i}`, to: `f${i}.gz` }));

  test('records 10 000 lines quickly, and answers each', async () => {
    await writeFile(join(dir, 'many.ndjson'), lines(10_000).join('\n'));
    const startedAt = performance.now();
    const { status, objects } = await cli(['submit', 'cli.many', '--inputs', 'many.ndjson', '--json']);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    expect([status, objects().length, await count('cli.many')]).toEqual([0, 10_000, 10_000]);
    expect(objects()[9_999]).toMatchObject({ id: uuid, created: true });
  });

  test('reads a pipe, leaves blank lines out, and says how many in one line', async () => {
    const { stdout } = await cli(['submit', 'cli.piped', '--inputs', '-'], `${lines(3).join('\n\n')}\n`);
    expect([stdout, await count('cli.piped')]).toEqual(['Submitted 3 tasks cli.piped at ams.\n', 3]);
  });

  test('names the bad line, and records nothing of the whole file', async () => {
    const bad = lines(2500);
    bad[2344] = '{"path": oops}';
    const { status, stdout, error } = await cli(['submit', 'cli.bad_line', '--inputs', '-', '--json'], bad.join('\n'));
    expect([status, stdout, await count('cli.bad_line')]).toEqual([2, '', 0]);
    expect(error()).toMatchObject({ error: 'TASKLEDGER_INVALID_INPUT', expected: 'line 2345 to be JSON' });
  });

  test.each([
    [['--inputs', 'nowhere.ndjson'], 'TASKLEDGER_INVALID_OPTION'],
    [['--inputs', '.'], 'TASKLEDGER_INVALID_OPTION'],
    [['--inputs', '-', '--input', '1'], 'TASKLEDGER_USAGE'],
    [['--inputs', '-', '--key', 'k'], 'TASKLEDGER_USAGE'],
  ])('refuses %j', async (args, code) => {
    const { status, error } = await cli(['submit', 'cli.refused', ...args, '--json']);
    expect([status, error()['error']]).toEqual([2, code]);
  });
});
