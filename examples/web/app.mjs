import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { URLSearchParams } from 'node:url';
import { orderReport } from './order-report.mjs';
import { formPage, taskPage } from './page.mjs';

const bodyBytesMax = 10_000;
const script = await readFile(new URL('page.js', import.meta.url), 'utf8');
const headers = {
  'content-security-policy': "default-src 'none'; script-src 'self'; connect-src 'self'; form-action 'self'",
  'x-content-type-options': 'nosniff',
};

/** What went wrong, as a status: by the database's code, or by the ledger's. */
const statuses = {
  23502: 422,
  23514: 422,
  TASKLEDGER_INVALID_INPUT: 422,
  TASKLEDGER_INVALID_OPTION: 422,
  TASKLEDGER_KEY_CONFLICT: 409,
  TASKLEDGER_INVALID_ID: 404,
  TASKLEDGER_NOT_FOUND: 404,
  // The same request with the same Idempotency-Key is safe after both.
  TASKLEDGER_UNREACHABLE: 503,
  TASKLEDGER_OUTCOME_UNKNOWN: 503,
};

/**
 * An application that has reports made. Nobody logs in here: in yours, ask who may see and stop which task.
 * @param {import('pg').Pool} pool
 * @param {import('taskledger').Ledger} ledger
 */
export function createApp(pool, ledger) {
  return createServer((request, response) => {
    answer(request, response).catch((error) => {
      if (response.headersSent) response.destroy();
      else json(response, error.status ?? statuses[error.code] ?? 500, { error: error.code ?? 'FAULT' });
    });
  });

  async function answer(request, response) {
    const { pathname } = new URL(request.url, 'http://localhost');
    const [, id, what] = /^\/reports\/([^/]+)(?:\/(events|abort))?$/.exec(pathname) ?? [];
    const route = `${request.method} ${id === undefined ? pathname : '/reports/ID'}${what === undefined ? '' : `/${what}`}`;
    if (route === 'GET /') html(response, formPage(randomUUID()));
    else if (route === 'GET /page.js') send(response, 200, 'text/javascript', script);
    else if (route === 'POST /reports') await order(request, response);
    else if (route === 'GET /reports/ID') await show(id, request, response);
    else if (route === 'GET /reports/ID/events') await follow(id, response);
    else if (route === 'POST /reports/ID/abort') await abort(id, request, response);
    else json(response, 404, { error: 'NOT_FOUND' });
  }

  /** 202 and where to look: the task exists, and is made later. */
  async function order(request, response) {
    const { title, month, key: field } = await fieldsOf(request);
    const key = request.headers['idempotency-key'] ?? field ?? randomUUID();
    const task = await orderReport(pool, ledger, { key, title, month });
    const url = `/reports/${task.id}`;
    if (wantsHtml(request)) seeOther(response, url);
    else json(response, 202, { id: task.id, url, created: task.created }, { location: url });
  }

  async function show(id, request, response) {
    const task = await reportTask(id);
    if (wantsHtml(request)) html(response, taskPage(task));
    else json(response, 200, { id, ...summary(task), output: task.output });
  }

  /** Server-sent events, until the task has ended or the reader has gone. */
  async function follow(id, response) {
    await reportTask(id);
    const gone = new AbortController();
    response.on('close', () => gone.abort());
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    for await (const seen of ledger.watch(id, { signal: gone.signal })) {
      if (seen.kind === 'event') event(response, 'task', summary(seen.task));
      else if (seen.kind === 'line') event(response, 'line', seen.line);
    }
    response.end();
  }

  async function abort(id, request, response) {
    await reportTask(id);
    const state = await ledger.abort(id, { reason: 'stopped by the user' });
    if (wantsHtml(request)) seeOther(response, `/reports/${id}`);
    else json(response, 202, { id, state });
  }

  /** A ledger may hold tasks of others: only ours are shown. */
  async function reportTask(id) {
    const task = await ledger.get(id);
    if (task.name !== 'reports.make')
      throw Object.assign(new Error('not a report'), { status: 404, code: 'NOT_FOUND' });
    return task;
  }
}

/** What a browser is told. The error's message is for those who run the application. */
function summary({ state, progress, error, finished_at }) {
  return { state, progress, error: error?.code, finished: finished_at !== null };
}

async function fieldsOf(request) {
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) throw Object.assign(new Error('too large'), { status: 413, code: 'TOO_LARGE' });
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  const isForm = request.headers['content-type']?.startsWith('application/x-www-form-urlencoded');
  try {
    return isForm ? Object.fromEntries(new URLSearchParams(text)) : JSON.parse(text);
  } catch {
    throw Object.assign(new Error('no JSON'), { status: 400, code: 'NO_JSON' });
  }
}

const wantsHtml = (request) => request.headers.accept?.includes('text/html') ?? false;

const event = (response, name, data) => response.write(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
const html = (response, text) => send(response, 200, 'text/html; charset=utf-8', text);
const json = (response, status, value, more) =>
  send(response, status, 'application/json', `${JSON.stringify(value)}\n`, more);

function send(response, status, type, text, more = {}) {
  response.writeHead(status, { ...headers, ...more, 'content-type': type }).end(text);
}

function seeOther(response, location) {
  response.writeHead(303, { ...headers, location }).end();
}
