import { expect, test } from 'vitest';
import { z } from 'zod';
import { defineTask } from '../../src/ledger/define-task.ts';
import type { SubmitCall } from '../../src/ledger/submit-calls.ts';
import { sharedLedger, testLedger, type TestLedger } from '../support/ledger.ts';

const ledgerOfThisFile = sharedLedger();

const MiB = 1024 * 1024;
/** JSON text of containers inside one another. */
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

const written = async ({ pool }: TestLedger): Promise<unknown> =>
  (
    await pool.query<{ events: string; keys: string; open: string }>(
      `select (select count(*) from taskledger.events) as events, (select count(*) from taskledger.task_keys) as keys,
              (select count(*) from taskledger.open_tasks) as open`,
    )
  ).rows;

async function writesNothing(t: TestLedger, refused: () => Promise<unknown>, code: string): Promise<void> {
  const before = await written(t);
  await expect(refused()).rejects.toMatchObject({ code });
  expect(await written(t)).toEqual(before);
}

const fromSql = (t: TestLedger, name: unknown, input: string, options: string): Promise<unknown> =>
  t.pool.query('select * from taskledger.submit($1, $2::json, $3::json)', [name, input, options]);

test('input that does not fit its schema is refused with every issue and its path', async () => {
  const t = ledgerOfThisFile();
  const task = defineTask({ name: 'some.task', input: z.object({ a: z.object({ n: z.number() }), s: z.string() }) });
  const wrong = { a: { n: 'one' }, s: 2 } as unknown as { a: { n: number }; s: string };
  await writesNothing(t, () => t.ledger.submit(task, wrong), 'TASKLEDGER_INVALID_INPUT');
  await expect(t.ledger.submit(task, wrong)).rejects.toMatchObject({
    details: { issues: [expect.objectContaining({ path: 'a.n' }), expect.objectContaining({ path: 's' })] },
  });
  // The offending value may be a person's data: it is not repeated.
  await expect(t.ledger.submit(task, wrong)).rejects.toThrow(/^(?!.*one)/);
});

const badInputs: readonly [string, unknown, string, string][] = [
  ['NUL', 'a\0b', String.raw`"a\u0000b"`, 'INVALID_INPUT'],
  ['NUL in a key', { 'a\0': 1 }, String.raw`{"a\u0000":1}`, 'INVALID_INPUT'],
  ['a lone high surrogate', '\ud800', String.raw`"\ud800"`, 'INVALID_INPUT'],
  ['a lone low surrogate', ['x\udc00y'], String.raw`["x\udc00y"]`, 'INVALID_INPUT'],
  ['2^53', { n: 2 ** 53 }, '{"n":9007199254740992}', 'INVALID_INPUT'],
  ['−2^53', [-(2 ** 53)], '[-9007199254740992]', 'INVALID_INPUT'],
  ['a number beyond all doubles', [1e300], '[ 1e400 ]', 'INVALID_INPUT'],
  ['an integer beyond 2^53 written with an exponent', 9.1e15, '91.0E14', 'INVALID_INPUT'],
  ['depth 65', JSON.parse(nested(65)), nested(65), 'LIMIT_EXCEEDED'],
  ['1 MiB and one byte', 'x'.repeat(MiB - 1), `"${'x'.repeat(MiB - 1)}"`, 'LIMIT_EXCEEDED'],
  ['1 MiB and one byte of UTF-8', 'é'.repeat(MiB / 2), `"${'é'.repeat(MiB / 2)}"`, 'LIMIT_EXCEEDED'],
];
const sqlStates = {
  INVALID_INPUT: 'TL001',
  INVALID_OPTION: 'TL002',
  INVALID_TASK_NAME: 'TL003',
  LIMIT_EXCEEDED: 'TL004',
  NOT_OWNER: 'TL006',
} as Readonly<Record<string, string>>;

test.each(badInputs)('input with %s is refused from TypeScript and from SQL', async (_, value, json, code) => {
  const t = ledgerOfThisFile();
  await writesNothing(t, () => t.ledger.submit('some.task', value), `TASKLEDGER_${code}`);
  await writesNothing(t, () => fromSql(t, 'some.task', json, '{}'), sqlStates[code]!);
  await writesNothing(t, () => fromSql(t, 'some.task', json, '{"priority":1}'), sqlStates[code]!);
  const batch = `[{"input":1},{"input":${json}}]`;
  const many = (): Promise<unknown> =>
    t.pool.query(`select * from taskledger.submit_many($1, '{"name":"some.task"}')`, [batch]);
  await writesNothing(t, many, sqlStates[code]!);
});

test('input at the very limits is recorded, from TypeScript and from SQL', async () => {
  const t = await testLedger();
  const inputs = [
    JSON.stringify('x'.repeat(MiB - 2)),
    JSON.stringify('é'.repeat(MiB / 2 - 1)),
    nested(64),
    `{"a":[${'[]'.repeat(1)},"[[[[{{{{"]}`,
    '9007199254740991',
    '[-9007199254740991]',
    '"12345678901234567890, 1e999 is text"',
    '0.1',
    '1.5e3',
    String.raw`"\\u0000 and a pair \ud83d\ude00"`,
  ];
  for (const json of inputs) {
    const value: unknown = JSON.parse(json);
    const { id } = await t.ledger.submit('some.task', value);
    expect((await t.ledger.get(id)).input).toEqual(value);
    const { rows } = (await fromSql(t, 'some.task', json, '{}')) as { rows: { id: string }[] };
    expect((await t.ledger.get(rows[0]!.id)).input).toEqual(value);
  }
});

test.each(['', 'a b', '.a', 'a..b', 'a.', '1a', 'ü.a', 'a\n', `a.${'x'.repeat(199)}`])(
  'the task name %j is refused from TypeScript and from SQL',
  async (name) => {
    const t = ledgerOfThisFile();
    await writesNothing(t, () => t.ledger.submit(name, 1), 'TASKLEDGER_INVALID_TASK_NAME');
    await writesNothing(t, () => fromSql(t, name, '1', '{}'), 'TL003');
    expect(() => defineTask({ name })).toThrow(expect.objectContaining({ code: 'TASKLEDGER_INVALID_TASK_NAME' }));
  },
);

test('no name at all is refused', async () => {
  const t = ledgerOfThisFile();
  await writesNothing(t, () => fromSql(t, null, '1', '{}'), 'TL003');
});

const badOptions: readonly SubmitCall[] = [
  { priority: 101 },
  { priority: -101 },
  { priority: -2_147_483_648 },
  { priority: 99_999_999_999 },
  { priority: 1.5 },
  { queue: '' },
  { queue: 'a b' },
  { queue: 'q'.repeat(101) },
  { group: '' },
  { group: 'g'.repeat(201) },
  { key: '' },
  { key: 'k'.repeat(501) },
  { key: 'a\nb' },
  { timeoutMs: 0 },
  { timeoutMs: 1.5 },
  { plugin: '' },
  { startAfter: '2030-01-31T08:00:00' },
  { startBefore: 'tomorrow' },
  { deadline: '2030-02-31T08:00:00Z' },
  { deadline: 'infinity' },
  { retry: { attempts: 0 } },
  { retry: { attempts: 1001 } },
  { retry: { attempts: 2.5 } },
  { retry: { attempts: 2, backoff: { kind: 'fixed', delay_ms: -1 } } },
  { retry: { attempts: 2, backoff: { kind: 'fixed', delay_ms: 1.5 } } },
  { retry: { attempts: 2, backoff: { kind: 'fixed', delay_ms: 1, cap_ms: 0.5 } } },
];
const names: Readonly<Record<string, string>> = {
  startAfter: 'start_after',
  startBefore: 'start_before',
  timeoutMs: 'timeout_ms',
};

test.each(badOptions)('the option %j is refused from TypeScript and from SQL', async (option) => {
  const t = ledgerOfThisFile();
  await writesNothing(t, () => t.ledger.submit('some.task', 1, option), 'TASKLEDGER_INVALID_OPTION');
  const [[key, value]] = Object.entries(option) as [[string, unknown]];
  const json = JSON.stringify({ [names[key] ?? key]: value });
  await writesNothing(t, () => fromSql(t, 'some.task', '1', json), 'TL002');
});

test.each([
  '{"prioritiy":5}',
  '{"startAfter":"2030-01-01T00:00:00Z"}',
  '{"name":"other.task"}',
  '{"input":2}',
  '[]',
  '5',
  'null',
  '{"id":"17"}',
  '{"id":"17","priority":1}',
  '{"protected":"yes"}',
  '{"retry":{"attempts":2,"jitter":true}}',
  '{"retry":{"backoff":{"kind":"fixed","delay_ms":1}}}',
  '{"retry":5}',
  '{"context":5}',
  '{"context":{"on_behalf_of":7}}',
  '{"context":{"answers":[["ams","1"]]}}',
])('the options %s are refused from SQL', async (options) => {
  const t = ledgerOfThisFile();
  await writesNothing(t, () => fromSql(t, 'some.task', '1', options), 'TL002');
});

test('options with NUL or a lone surrogate are refused from SQL', async () => {
  const t = ledgerOfThisFile();
  await writesNothing(t, () => fromSql(t, 'some.task', '1', String.raw`{"key":"\u0000"}`), 'TL001');
  await writesNothing(t, () => fromSql(t, 'some.task', '1', String.raw`{"group":"\ud800"}`), 'TL001');
});

test('whole numbers written with a fraction or an exponent are whole numbers', async () => {
  const t = await testLedger();
  const options = '{"retry":{"attempts":3.0,"backoff":{"kind":"fixed","delay_ms":1e3}}}';
  const { rows } = (await fromSql(t, 'some.task', '1', options)) as { rows: { id: string }[] };
  expect(await t.ledger.get(rows[0]!.id)).toMatchObject({ attempts: 3, retry: { backoff: { delay_ms: 1000 } } });
});

test.each(['5', '{}', '[1]', '["x"]', '[null]', '[[]]', '[{"nonsense":1}]', '[{"id":"17"}]'])(
  'the batch %s is refused from SQL',
  async (batch) => {
    const t = ledgerOfThisFile();
    const many = (): Promise<unknown> =>
      t.pool.query(`select * from taskledger.submit_many($1, '{"name":"some.task"}')`, [batch]);
    await writesNothing(t, many, 'TL002');
  },
);

test('a realm of nobody, or of another site, is refused (I9)', async () => {
  const t = await testLedger();
  await t.pool.query(
    `insert into taskledger.realms values ('fra', 1, 'fra', 'open'), ('leaving', 1, 'ams', 'draining')`,
  );
  for (const realm of ['none', 'fra', 'leaving']) {
    await writesNothing(t, () => t.ledger.submit('some.task', 1, { realm }), 'TASKLEDGER_NOT_OWNER');
    await writesNothing(t, () => fromSql(t, 'some.task', '1', JSON.stringify({ realm })), 'TL006');
  }
});
