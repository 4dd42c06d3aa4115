import type pg from 'pg';

export interface Life {
  readonly id: string;
  /** Of its events, without `task.`. */
  readonly types: readonly string[];
}

interface Claimed {
  readonly id: string;
  readonly claimId: string;
  readonly secret: string;
}

/**
 * Lets tasks live through everything the SQL functions offer, called as another language would call them: by literals only,
 * every name written out, so that what the session's settings change is up to the functions. The session has all our roles.
 */
export async function liveEveryLife(client: pg.Client): Promise<Life[]> {
  return [
    await completedAfterRetry(client),
    await failed(client),
    await abortedAndRetried(client),
    await released(client),
    await resolved(client),
  ];
}

async function scalar(client: pg.Client, text: string): Promise<string> {
  const { rows } = await client.query<{ answer: string }>(`select ${text} as answer`);
  return rows[0]!.answer;
}

/** With options that take the way through submit_many(): a window, a queue, a policy. */
const someOptions =
  '{"queue":"q","priority":7,"start_before":"2090-01-31T08:00:00.123+02:00","deadline":"2091-01-31 08:00:00.1239-03","retry":{"attempts":3}}';

async function submit(client: pg.Client, options = '{}'): Promise<string> {
  const { rows } = await client.query<{ id: string }>(
    `select id from taskledger.submit('hijack.me', '{"n":1.5}'::pg_catalog.json, '${options}'::pg_catalog.json)`,
  );
  return rows[0]!.id;
}

/** The only due task there is. */
async function claim(client: pg.Client): Promise<Claimed> {
  const { rows } = await client.query<{ claim_id: string; secret: string; tasks: string }>(
    "select claim_id, secret, tasks from taskledger.claim('{hijack.me}'::pg_catalog.text[], 10, 'runner', 'host', 60000)",
  );
  const [row] = rows;
  const [task] = JSON.parse(row!.tasks) as [[string]];
  return { id: task[0], claimId: row!.claim_id, secret: row!.secret };
}

async function settle(
  client: pg.Client,
  { id, claimId, secret }: Claimed,
  outcome: string,
  detail: string,
): Promise<void> {
  const { rows } = await client.query(
    `select * from taskledger.settle('{${claimId}}', '{${secret}}', '{${id}}', '{${claimId}}', '{${outcome}}',
       array['${detail}']::pg_catalog.json[], '{5}', '{20}', '{0}', array['{"exit_code":1,"usage":{"cpu_ms":3}}']::pg_catalog.json[])`,
  );
  if (rows.length > 0) throw new Error(`not settled: ${JSON.stringify(rows)}`);
}

async function completedAfterRetry(client: pg.Client): Promise<Life> {
  const id = await submit(client, someOptions);
  const first = await claim(client);
  await client.query(`select * from taskledger.renew('{${first.claimId}}', '{${first.secret}}')`);
  await scalar(
    client,
    `taskledger.report_progress('${first.claimId}', '${first.secret}', '${id}', 0.1234567890123456, 'half way', '{"at":1}')`,
  );
  await settle(client, first, 'retry', '{"code":"HANDLER_ERROR","message":"no luck"}');
  await settle(client, await claim(client), 'completed', '{"done":true}');
  await client.query("select taskledger.arm_doorbell('{hijack.me}', 0); select * from taskledger.sweep()");
  return { id, types: ['submitted', 'leased', 'progressed', 'attempt_failed', 'leased', 'completed'] };
}

async function failed(client: pg.Client): Promise<Life> {
  const id = await submit(client);
  await settle(client, await claim(client), 'failed', '{"code":"X","message":"y"}');
  return { id, types: ['submitted', 'leased', 'failed'] };
}

async function abortedAndRetried(client: pg.Client): Promise<Life> {
  const id = await submit(client);
  await scalar(client, `taskledger.request_reschedule('${id}', '2090-01-01 00:00:00+00', 3, 'later')`);
  await scalar(client, `taskledger.request_abort('${id}', 'enough')`);
  await scalar(client, `taskledger.request_retry('${id}', 'again')`);
  await scalar(client, `taskledger.request_abort('${id}', 'enough')`);
  const twice = ['reschedule_requested', 'rescheduled', 'abort_requested', 'aborted'];
  return { id, types: ['submitted', ...twice, 'retry_requested', 'retried', 'abort_requested', 'aborted'] };
}

async function released(client: pg.Client): Promise<Life> {
  const id = await submit(client);
  await settle(client, await claim(client), 'released', '{"reason":"drain"}');
  await scalar(client, `taskledger.request_abort('${id}', 'enough')`);
  return { id, types: ['submitted', 'leased', 'lease_released', 'abort_requested', 'aborted'] };
}

async function resolved(client: pg.Client): Promise<Life> {
  const id = await submit(client, '{"protected":true}');
  await settle(client, await claim(client), 'in_doubt', '{"reason":"who knows"}');
  await scalar(client, `taskledger.resolve('${id}', 'completed', '{"ok":true}', 'asked the bank')`);
  return { id, types: ['submitted', 'leased', 'in_doubt', 'resolved'] };
}
