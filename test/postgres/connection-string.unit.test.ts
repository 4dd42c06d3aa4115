import { describe, expect, test } from 'vitest';
import { LedgerError } from '../../src/errors.ts';
import { redactUrl, requireConnectionString } from '../../src/postgres/connection-string.ts';

describe('requireConnectionString', () => {
  test.each([
    'postgres://app:secret@db.example:5432/orders',
    'postgresql://db.example/orders?sslmode=verify-full',
    'postgres://app@/orders?host=/run/postgresql',
    'postgres:///orders',
    'postgres://app:p%40ss%2Fword@[::1]:5432/orders',
    'postgres://',
  ])('takes %s as it is', (url) => {
    expect(requireConnectionString(url)).toBe(url);
  });

  test.each([
    [undefined, /found nothing/],
    ['  ', /found nothing/],
    ['postgres://app:hunter2@db:none/orders', /percent-encode/],
    ['postgres://app:hunter2#x@db/orders', /percent-encode/],
    ['postgres://app:hunter2@db:1,other:2/orders', /percent-encode/],
    ['postgres://app:hunter2@db,other/orders', /found several hosts/],
    ['postgres://app:hunter2%ff@db/orders', /found a % that begins no character/],
    ['postgres://app:hunter2@db/orders?sslmode=sure', /Use one of disable, prefer/],
    ['mysql://app:hunter2@db/orders', /begins with mysql:/],
    ['hunter2:whatever', /found another text/],
    ['host=db user=app password=hunter2', /found keywords and values/],
  ])('refuses %s and never repeats the password', (text, message) => {
    const error = errorOf(() => requireConnectionString(text));
    expect(error).toMatchObject({ code: 'TASKLEDGER_INVALID_URL', message: expect.stringMatching(message) });
    expect(JSON.stringify(error) + String(error)).not.toContain('hunter2');
  });
});

test.each([
  ['postgres://app:hunter2@db/orders', 'postgres://app:***@db/orders'],
  ['postgres://app@db:5433/orders?sslmode=require', 'postgres://app@db:5433/orders?sslmode=require'],
  ['postgres://db/orders?user=app&password=hunter2', 'postgres://db/orders?user=app&password=***'],
  ['postgres://app:hunter2#@db/orders', '(not a connection URL)'],
  ['host=db password=hunter2', '(not a connection URL)'],
])('%s is logged as %s', (url, shown) => {
  expect(redactUrl(url)).toBe(shown);
});

function errorOf(work: () => unknown): LedgerError {
  try {
    work();
  } catch (error) {
    if (error instanceof LedgerError) return error;
  }
  throw new Error('Expected a LedgerError; none was thrown.');
}
