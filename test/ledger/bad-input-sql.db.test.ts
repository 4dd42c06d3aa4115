import { expect, test } from 'vitest';
import { sharedLedger } from '../support/ledger.ts';
import { eventCount, inTransaction } from '../support/leases.ts';

/* From any language, as the role an application has; what TypeScript refuses as well is in submit-refusals.db.test.ts. */

const ledgerOfThisFile = sharedLedger();

/** The error's SQLSTATE and message, after it was seen that nothing was recorded. */
async function refused(text: string, values: unknown[] = []): Promise<{ code: string; message: string }> {
  const { pool } = ledgerOfThisFile();
  const before = await eventCount(pool);
  const error: unknown = await inTransaction(pool, 'commit', async (client) => {
    await client.query('set local role taskledger_submitter');
    await client.query(text, values);
    return { code: 'accepted', message: '' };
  }).catch((thrown: unknown) => thrown);
  expect(await eventCount(pool)).toBe(before);
  return error as { code: string; message: string };
}

const submit = (input: string, options = '{}'): Promise<{ code: string; message: string }> =>
  refused('select * from taskledger.submit($1, $2::json, $3::json)', ['some.task', input, options]);
const submitMany = (tasks: string): Promise<{ code: string; message: string }> =>
  refused(`select * from taskledger.submit_many($1::json, '{"name":"some.task"}')`, [tasks]);

test.each([
  '{"amount":1,"amount":2}',
  '[{"lines":[{"n":1,"n":1}]}]',
  String.raw`{"amount":1,"\u0061mount":2}`,
  '{"a":{"b":1},"a":{"b":1}}',
])('the input %s says a key twice: which amount was meant nobody can say', async (input) => {
  expect(await submit(input)).toMatchObject({ code: 'TL001', message: expect.stringContaining('key') });
  expect(await submit(input, '{"priority":1}')).toMatchObject({ code: 'TL001' });
  expect(await submitMany(`[{"input":1},{"input":${input}}]`)).toMatchObject({ code: 'TL001' });
});

test.each(['{"a":{"b":1},"c":{"b":1}}', '[{"a":1},{"a":1}]', '"{\\"a\\":1,\\"a\\":2}"'])(
  'the input %s says no key twice',
  async (input) => {
    const { pool } = ledgerOfThisFile();
    const { rows } = await pool.query<{ created: boolean }>('select created from taskledger.submit($1, $2::json)', [
      'some.task',
      input,
    ]);
    expect(rows).toEqual([{ created: true }]);
  },
);

test.each([
  ['{"key":5}', 'text'],
  ['{"key":true}', 'text'],
  ['{"key":{"a":1}}', 'text'],
  ['{"queue":5}', 'text'],
  ['{"group":5}', 'text'],
  ['{"priority":"5"}', 'number'],
  ['{"priority":true}', 'integer|number'],
  ['{"timeout_ms":"5"}', 'number'],
  ['{"protected":"true"}', 'true or false'],
  ['{"start_after":5}', 'text'],
  ['{"retry":"3"}', 'attempts'],
  ['{"id":5}', 'text'],
])('the option %s, of another JSON type than it takes, is refused', async (options, message) => {
  expect(await submit('1', options)).toMatchObject({ code: 'TL002', message: expect.stringMatching(message) });
  const [, inner] = /^\{(.*)\}$/.exec(options)!;
  expect(await submitMany(`[{"input":1,${inner!}}]`)).toMatchObject({ code: 'TL002' });
});

test.each(['{', '', '{"a":1}}', "{'a':1}", '[1,]', '01', 'NaN', 'Infinity', '"a'])(
  'the text %j is no JSON',
  async (input) => {
    expect(await submit(input)).toMatchObject({ code: '22P02' });
  },
);

test('an id that is no UUID, and bytes that are no text, are refused', async () => {
  const { pool } = ledgerOfThisFile();
  for (const request of ['request_abort', 'request_retry', 'request_reschedule']) {
    await expect(pool.query(`select taskledger.${request}($1)`, ['17'])).rejects.toMatchObject({ code: '22P02' });
  }
  expect(await submit('"a\0b"')).toMatchObject({ code: '22021' });
});
