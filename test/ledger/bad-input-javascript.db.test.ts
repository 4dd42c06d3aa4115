import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { defineTask, openLedger, type Ledger } from '../../src/index.ts';
import { sharedLedger } from '../support/ledger.ts';
import { eventCount } from '../support/leases.ts';

/* What the types forbid, as callers of plain JavaScript (and `as any`) write it: refused before anything is written. */

const ledgerOfThisFile = sharedLedger();
const task = defineTask({ name: 'some.task' });
const handler = task.handle(() => 'done');
const id = '019a3b5c-0e8f-7c1a-9d2e-3f4a5b6c7d8e';

/** The ledger without its types. */
const untyped = (ledger: Ledger): Record<string, (...args: unknown[]) => unknown> =>
  ledger as unknown as Record<string, (...args: unknown[]) => unknown>;

async function refuses(call: () => unknown, code: string, message?: RegExp): Promise<void> {
  const { pool } = ledgerOfThisFile();
  const before = await eventCount(pool);
  const error: unknown = await Promise.resolve()
    .then(call)
    .then(
      () => 'it was accepted',
      (thrown: unknown) => thrown,
    );
  expect(error).toMatchObject({ code: `TASKLEDGER_${code}` });
  if (message !== undefined) expect(String(error)).toMatch(message);
  expect(await eventCount(pool)).toBe(before);
}

test.each([
  [{ prioritiy: 5 }, /Did you mean priority/],
  [{ start_after: '2030-01-01T00:00:00Z' }, /Did you mean startAfter/],
  [{ timeout: 5 }, /Did you mean timeoutMs/],
  [{ idempotencyKey: 'p1' }, /Leave it out/],
  [{ constructor: 'p1' }, /Leave it out/],
  [[], /an array/],
  [null, /null/],
  ['p1', /a string/],
])('submit and submitMany refuse the options %j', async (options, message) => {
  const ledger = untyped(ledgerOfThisFile().ledger);
  await refuses(() => ledger['submit']!('some.task', 1, options), 'INVALID_OPTION', message);
  await refuses(() => ledger['submitMany']!('some.task', [{ input: 1 }], options), 'INVALID_OPTION', message);
});

test.each([
  { key: 5 },
  { queue: 5 },
  { group: true },
  { priority: '5' },
  { priority: null },
  { priority: Number.NaN },
  { timeoutMs: '5s' },
  { protected: 'true' },
  { startAfter: 5 },
  { startAfter: new Date(Number.NaN) },
  { startBefore: {} },
  { retry: 5 },
  { retry: { attempts: 2, backof: {} } },
  { plugin: 1 },
  { tx: null },
  { tx: 5 },
  { tx: {} },
  { context: 5 },
])('submit refuses the option %j, which is of another type', async (options) => {
  const ledger = untyped(ledgerOfThisFile().ledger);
  await refuses(() => ledger['submit']!('some.task', 1, options), 'INVALID_OPTION');
  await refuses(() => ledger['submitMany']!('some.task', [{ input: 1 }], options), 'INVALID_OPTION');
});

test('an item of submitMany with an unknown option is refused with the whole batch', async () => {
  const ledger = untyped(ledgerOfThisFile().ledger);
  const items = [{ input: 1 }, { input: 2, kye: 'p2' }];
  await refuses(() => ledger['submitMany']!('some.task', items), 'INVALID_OPTION', /Did you mean key/);
  await refuses(() => ledger['submitMany']!('some.task', { input: 1 }), 'INVALID_OPTION', /array/);
  await refuses(() => ledger['submitMany']!('some.task', [null]), 'INVALID_OPTION', /null/);
});

test.each([undefined, null, 5, {}, { name: 5 }, '', 'a b', 'a\0b', 'x'.repeat(201)])('%j is no task', async (what) => {
  const ledger = untyped(ledgerOfThisFile().ledger);
  await refuses(() => ledger['submit']!(what, 1), 'INVALID_TASK_NAME');
  await refuses(() => ledger['submitMany']!(what, [{ input: 1 }]), 'INVALID_TASK_NAME');
});

class Money {
  readonly cents = 5;
  #currency = 'EUR';
  get currency(): string {
    return this.#currency;
  }
}
const cyclic: Record<string, unknown> = {};
cyclic['self'] = { cyclic };

test.each<[string, unknown, RegExp]>([
  ['undefined', undefined, /\$ is undefined/],
  ['an undefined member', { a: undefined }, /\$\.a is undefined/],
  ['a function', { a: () => 1 }, /\$\.a is a function/],
  ['a symbol', [Symbol('a')], /\$\[0\] is a symbol/],
  ['a bigint', { cents: 5n }, /\$\.cents is a bigint/],
  ['NaN', { a: Number.NaN }, /\$\.a is NaN/],
  ['Infinity', [Number.POSITIVE_INFINITY], /\$\[0\] is Infinity/],
  ['an integer beyond 2^53', 2 ** 53, /beyond/],
  ['a Map', { lines: new Map() }, /\$\.lines is a Map/],
  ['a Set', new Set([1]), /Set/],
  ['a typed array', { bytes: new Uint8Array(2) }, /Uint8Array/],
  ['an Error', new Error('no'), /Error/],
  ['a Promise', Promise.resolve(1), /Promise/],
  ['an invalid Date', { at: new Date(Number.NaN) }, /\$\.at is an invalid date/],
  ['a cycle', cyclic, /\$\.self\.cyclic refers back/],
  [
    'a getter that throws',
    {
      ok: 1,
      get a(): number {
        throw new Error('hunter2');
      },
    },
    /\$\.a throws when it is read/,
  ],
  [
    'a toJSON that throws',
    {
      a: {
        toJSON() {
          throw new Error('hunter2');
        },
      },
    },
    /\$\.a has a toJSON that throws/,
  ],
  ['a toJSON that answers undefined', { a: { toJSON: () => undefined } }, /\$\.a is undefined/],
])('an input with %s is refused, naming the place and not the value', async (_what, input, place) => {
  const { ledger } = ledgerOfThisFile();
  await refuses(() => ledger.submit('some.task', input), 'INVALID_INPUT', place);
  await refuses(() => ledger.submitMany('some.task', [{ input: 1 }, { input }]), 'INVALID_INPUT', place);
  await expect(ledger.submit('some.task', input)).rejects.not.toThrow(/hunter2/);
});

test('Dates and class instances are stored as their JSON', async () => {
  const { ledger } = ledgerOfThisFile();
  const { id: stored } = await ledger.submit('some.task', { at: new Date(0), money: new Money() });
  expect((await ledger.get(stored)).input).toEqual({ at: '1970-01-01T00:00:00.000Z', money: { cents: 5 } });
});

test('a schema names every issue with its path, in submitMany as well', async () => {
  const { ledger } = ledgerOfThisFile();
  const paid = defineTask({
    name: 'paid',
    input: z.object({ cents: z.int(), lines: z.array(z.object({ n: z.int() })) }),
  });
  const wrong = { cents: 'x', lines: [{ n: 1 }, { n: 1.5 }] } as unknown as { cents: number; lines: [] };
  await refuses(() => ledger.submitMany(paid, [{ input: wrong }]), 'INVALID_INPUT', /cents: .*; lines\.1\.n: /);
});

test.each(['', '17', 'not a uuid', `${id}0`, `{${id}}`, 5, null, undefined])(
  'the id %j is refused everywhere',
  async (wrong) => {
    const ledger = untyped(ledgerOfThisFile().ledger);
    for (const method of ['get', 'history', 'result', 'abort', 'retry']) {
      await refuses(() => ledger[method]!(wrong), 'INVALID_ID');
    }
    await refuses(() => ledger['reschedule']!(wrong, {}), 'INVALID_ID');
    await refuses(() => ledger['resolve']!(wrong, { outcome: 'rerun' }), 'INVALID_ID');
  },
);

test.each(['', '  ', 'x'.repeat(2001), 'bell\u0007', 'escape\u001b[31m', 'nul\0', 'half \ud800', 5, null])(
  'the reason %j is refused from TypeScript and from SQL',
  async (reason) => {
    const { ledger, pool } = ledgerOfThisFile();
    const { id: pending } = await ledger.submit('some.task', 1);
    const any = untyped(ledger);
    for (const method of ['abort', 'retry', 'reschedule']) {
      await refuses(() => any[method]!(pending, { reason }), 'INVALID_OPTION', /reason/);
    }
    await refuses(() => any['resolve']!(pending, { outcome: 'failed', reason }), 'INVALID_OPTION', /reason/);
    // What text of PostgreSQL cannot hold never gets there, and null is no reason.
    if (typeof reason !== 'string' || /\0|\ud800/.test(reason)) return;
    for (const request of [
      'request_abort($1, $2)',
      'request_retry($1, $2)',
      'request_reschedule($1, null, null, $2)',
    ]) {
      const before = await eventCount(pool);
      await expect(pool.query(`select taskledger.${request}`, [pending, reason])).rejects.toMatchObject({
        code: 'TL002',
      });
      expect(await eventCount(pool)).toBe(before);
    }
  },
);

test('unknown and wrong options of requests are refused', async () => {
  const ledger = untyped(ledgerOfThisFile().ledger);
  await refuses(() => ledger['abort']!(id, { resaon: 'r' }), 'INVALID_OPTION', /Did you mean reason/);
  await refuses(() => ledger['retry']!(id, { why: 'r' }), 'INVALID_OPTION');
  await refuses(
    () => ledger['reschedule']!(id, { startafter: new Date() }),
    'INVALID_OPTION',
    /Did you mean startAfter/,
  );
  await refuses(() => ledger['reschedule']!(id, { startAfter: 'tomorrow' }), 'INVALID_OPTION');
  await refuses(() => ledger['reschedule']!(id, { startAfter: new Date(Number.NaN) }), 'INVALID_OPTION');
  await refuses(() => ledger['reschedule']!(id, { priority: 101 }), 'INVALID_OPTION');
  await refuses(() => ledger['reschedule']!(id, { priority: '5' }), 'INVALID_OPTION');
  await refuses(() => ledger['resolve']!(id, { outcome: 'failed', output: 1, resaon: 'r' }), 'INVALID_OPTION');
});

test.each<[object, RegExp]>([
  [{ concurency: 5 }, /Did you mean concurrency/],
  [{ leaseTtl: 5000 }, /Did you mean leaseTtlMs/],
  [{ concurrency: 0 }, /from 1 to/],
  [{ concurrency: '5' }, /a string/],
  [{ leaseTtlMs: 5 }, /from 100/],
  [{ leaseTtlMs: Number.NaN }, /NaN/],
  [{ pollMs: -1 }, /from 1/],
  [{ drainMs: Number.POSITIVE_INFINITY }, /Infinity/],
  [{ queues: 'payouts' }, /array of queue names/],
  [{ name: 5 }, /name to be text/],
  [{ prefetch: 1 }, /true or false/],
])('runner refuses %j', async (options, message) => {
  const { ledger } = ledgerOfThisFile();
  await refuses(() => ledger.runner({ handlers: [handler], ...options }), 'INVALID_OPTION', message);
});

test.each([undefined, 5, 'x', [], [5], [task], [() => 1]])('the handlers %j are refused', async (handlers) => {
  const { ledger } = ledgerOfThisFile();
  await refuses(() => untyped(ledger)['runner']!({ handlers }), 'HANDLERS_INVALID');
});

test.each<[object, RegExp]>([
  [{ retries: 5 }, /defineTask knows/],
  [{ protect: true }, /Did you mean protected/],
  [{ retry: { attempt: 5 } }, /Did you mean attempts/],
  [{ retry: { attempts: '5' } }, /attempts/],
  [{ retry: { backoff: { kind: 'linear', delay: '1s' } } }, /fixed or exponential/],
  [{ retry: { backoff: { kind: 'fixed', dealy: '1s' } } }, /Did you mean delay/],
  [{ retry: { backoff: { kind: 'fixed', delay: 'soon' } } }, /delay/],
  [{ timeout: 'soon' }, /timeout/],
  [{ timeout: -5 }, /timeout/],
  [{ priority: 101 }, /from -100 to 100/],
  [{ protected: 'yes' }, /true or false/],
  [{ input: { type: 'object' } }, /Standard Schema/],
  [{ retryable: true }, /a function/],
  [{ queue: 5 }, /text/],
])('defineTask refuses %j', async (options, message) => {
  await refuses(() => defineTask({ name: 'some.task', ...options }), 'INVALID_OPTION', message);
});

test.each<[object, RegExp]>([
  [{ connectionstring: 'postgres://localhost/app' }, /Did you mean connectionString/],
  [{ maxConnections: 0 }, /from 1/],
  [{ maxConnections: '5' }, /a string/],
])('openLedger refuses %j', async (options, message) => {
  await refuses(() => openLedger(options), 'INVALID_OPTION', message);
});

test.each([
  'postgres://user:hunter2@host:notaport/db',
  'postgres://user:hunter2@ho st/db',
  'postgres://user:hun#ter2@host/db',
  'postgres://user:hunter2@a,b/db',
  'postgres://user:hunter2@host/db?sslmode=maybe',
  'postgres://user:hunter2%@host/db',
  'mysql://user:hunter2@host/db',
  'host=db password=hunter2',
  'user:hunter2@host',
  '   ',
])('the URL %j is refused without its password', async (connectionString) => {
  await refuses(() => openLedger({ connectionString }), 'INVALID_URL');
  await expect(openLedger({ connectionString })).rejects.toThrow(/^(?!.*(hunter2|ter2))/s);
});

test('a signal that is waited for with a condition that throws is told, not waited for in vain', async () => {
  const { ledger } = ledgerOfThisFile();
  const waiting = ledger.signals.next('submit.recorded', () => {
    throw new Error('a condition with a bug');
  });
  waiting.catch(() => undefined);
  await ledger.submit('some.task', 1);
  await expect(waiting).rejects.toThrow('a condition with a bug');
});

const thrown: readonly [string, unknown, string][] = [
  ['a plain object', { code: 'E42', retry: false }, '{"code":"E42","retry":false}'],
  ['an array', [1, 'two'], '[1,"two"]'],
  ['undefined', undefined, 'undefined'],
  ['null', null, 'null'],
  ['a text', 'no luck', 'no luck'],
  ['an object with a text of its own', { toString: () => 'my text' }, 'my text'],
  ['an object that holds itself', cyclic, '[object Object]'],
];

test.each(thrown)('%s that a handler throws is recorded as what it says', async (_what, value, message) => {
  const { ledger } = ledgerOfThisFile();
  const throwing = defineTask({ name: 'throwing', retry: { attempts: 1 } });
  const runner = ledger.runner({
    handlers: [
      throwing.handle(() => {
        throw value;
      }),
    ],
    pollMs: 20,
  });
  onTestFinished(() => runner.stop(0));
  await runner.start();
  const { id: failing } = await ledger.submit(throwing, 1);
  await expect(ledger.result(failing, { timeoutMs: 10_000 })).rejects.toMatchObject({
    code: 'TASKLEDGER_TASK_NOT_COMPLETED',
  });
  expect((await ledger.get(failing)).error).toMatchObject({ code: 'HANDLER_ERROR', message });
});
