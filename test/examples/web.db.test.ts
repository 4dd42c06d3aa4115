import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { defineTask } from '../../src/ledger/define-task.ts';
import { deferred } from '../runner/fakes.ts';
import { differencesFromLog, testLedger, typesOf } from '../support/ledger.ts';
import { pageBlocks } from '../support/pages/page-blocks.ts';
import { PageSession } from '../support/pages/page-session.ts';
import { repositoryRoot } from '../support/repository.ts';

const directory = path.join(repositoryRoot, 'examples/web');

/** What the example's module exports; it is plain JavaScript. */
interface Example {
  readonly createApp: (pool: pg.Pool, ledger: unknown) => Server;
}

/** Stands for the handler of the example, whose pages take a quarter of a second each. */
const makeReport = defineTask<{ title: string }>({ name: 'reports.make' });

async function application() {
  const t = await testLedger();
  await t.pool.query(await readFile(path.join(directory, 'schema.sql'), 'utf8'));
  const { createApp } = (await import(path.join(directory, 'app.mjs'))) as Example;
  const server = createApp(t.pool, t.ledger).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const order = async (fields: object, headers: Record<string, string> = {}) => {
    const response = await fetch(`${origin}/reports`, { method: 'POST', body: JSON.stringify(fields), headers });
    return { status: response.status, url: response.headers.get('location'), body: (await response.json()) as Answer };
  };
  const count = async (): Promise<unknown> => {
    const text = 'select (select count(*)::int from reports) as reports, count(*)::int as tasks from taskledger.tasks';
    return (await t.pool.query(text)).rows[0];
  };
  return { t, origin, order, count };
}

interface Answer {
  readonly id: string;
  readonly created: boolean;
  readonly error: string;
}

const november = { title: 'Sales', month: '2026-11' };

test('a report is ordered with 202 and a URL; its story comes as it happens, line by line, to its end', async () => {
  const { t, origin, order } = await application();
  const goOn = deferred<undefined>();
  const handler = makeReport.handle(async ({ log, progress }) => {
    await progress({ fraction: 0.5, message: 'half way' });
    await goOn.promise;
    log.warn('slow', { ms: 7 });
    return { pages: 3 };
  });
  await t.run([handler]);
  const { status, url, body } = await order(november);
  expect([status, url]).toEqual([202, `/reports/${body.id}`]);
  const stream = await fetch(`${origin}${url!}/events`);
  const watched = t.ledger.signals.next('log.watched');
  let story = '';
  const reading = (async () => {
    for await (const text of stream.body!.pipeThrough(new TextDecoderStream())) story += text;
  })();
  await watched;
  await expect.poll(() => story).toContain('"message":"half way"');
  expect(await (await fetch(`${origin}${url!}`)).json()).toMatchObject({
    state: 'leased',
    progress: { fraction: 0.5 },
  });
  goOn.resolve(undefined);
  await reading;
  expect(story).toMatch(/event: line\ndata: .*"level":"warn","stream":"log","text":"slow \{\\"ms\\":7\}"/);
  expect(story.trimEnd().split('\n').at(-1)).toMatch(/"state":"completed",.*"finished":true/);
  expect(await (await fetch(`${origin}${url!}`)).json()).toMatchObject({ state: 'completed', output: { pages: 3 } });
});

test('the same Idempotency-Key twice is the same task, at the same time too; with another wish it is refused', async () => {
  const { t, order, count } = await application();
  const key = { 'idempotency-key': 'k-1' };
  const [one, other] = await Promise.all([order(november, key), order(november, key)]);
  expect([one.body.id, [one.body.created, other.body.created].sort()]).toEqual([other.body.id, [false, true]]);
  expect(await order({ ...november, month: '2026-12' }, key)).toMatchObject({
    status: 409,
    body: { error: 'TASKLEDGER_KEY_CONFLICT' },
  });
  expect(await count()).toEqual({ reports: 1, tasks: 1 });
  expect(await differencesFromLog(t)).toEqual([]);
});

test('a wish the application refuses, and one whose transaction fails at COMMIT, leave no task', async () => {
  const { t, order, count } = await application();
  expect((await order({ ...november, month: 'soon' })).status).toBe(422);
  expect((await order({ month: '2026-11' })).status).toBe(422);
  await t.pool.query(`create table titles (title text primary key);
    alter table reports add foreign key (title) references titles deferrable initially deferred`);
  expect((await order(november)).status).toBe(500);
  expect(await count()).toEqual({ reports: 0, tasks: 0 });
});

test('a report is stopped half-way', async () => {
  const { t, origin, order } = await application();
  const handler = makeReport.handle(
    ({ signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('told')))),
  );
  await t.run([handler]);
  const started = t.ledger.signals.next('attempt.started');
  const { url, body } = await order(november);
  await started;
  const stopped = await fetch(`${origin}${url!}/abort`, { method: 'POST' });
  expect([stopped.status, await stopped.json()]).toEqual([202, { id: body.id, state: 'leased' }]);
  await t.settled();
  expect(typesOf(await t.ledger.history(body.id))).toEqual(['submitted', 'leased', 'abort_requested', 'aborted']);
});

test('a page is HTML whatever its title is, and nobody is shown a task that is no report', async () => {
  const { t, origin, order } = await application();
  const { url } = await order({ ...november, title: `<script>alert("1")</script>'` });
  const page = await fetch(`${origin}${url!}`, { headers: { accept: 'text/html' } });
  const text = await page.text();
  expect(text).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39; (2026-11)');
  expect(text.match(/<script/g)).toHaveLength(1);
  expect(page.headers.get('content-security-policy')).toContain("script-src 'self'");
  const { id } = await t.ledger.submit('payouts.settle', { secret: 1 });
  for (const other of [id, 'none', '019a3b5c-0e8f-7c1a-9d2e-3f4a5b6c7d8e']) {
    expect((await fetch(`${origin}/reports/${other}`)).status).toBe(404);
    expect((await fetch(`${origin}/reports/${other}/events`)).status).toBe(404);
    expect((await fetch(`${origin}/reports/${other}/abort`, { method: 'POST' })).status).toBe(404);
  }
});

test('the example’s own page works as it is written', async () => {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  await using session = await PageSession.start({ replacing: { '8087': String(port) }, env: { PAGE_MS: '20' } });
  await session.follow(pageBlocks('examples/web/README.md'));
  await session.stopBackground();
}, 90_000);
