import { expect, inject, it, onTestFinished } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { defineTask } from '../../src/index.ts';
import { listTasks, type TaskSummary } from '../../src/ledger/list-tasks.ts';
import { runCli } from '../cli/run-cli.ts';
import { assertConverged } from '../support/converged.ts';
import { spawnDaemon } from '../support/daemon-process.ts';
import { claimSome, settleAll } from '../support/leases.ts';
import { differencesFromLog, typesOf } from '../support/ledger.ts';
import { openSites, type TestSite } from '../support/sites.ts';
import { proxyTo } from '../support/tcp-proxy.ts';

const names = ['ams', 'fra'] as const;
const hangs = defineTask<string>({ name: 'reports.build' });
const within = { timeout: 15_000, interval: 10 };

async function twoSites(options: Parameters<typeof openSites>[1] = {}): Promise<[ams: TestSite, fra: TestSite]> {
  const [ams, fra] = await openSites(names, options);
  // Before either database goes: a daemon that is left would make what is dropped again.
  onTestFinished(async () => {
    await Promise.all([ams?.rest(), fra?.rest()]);
  });
  return [ams!, fra!];
}

/** Resolves when a site knows of these tasks. */
async function known(site: TestSite, ids: readonly string[]): Promise<void> {
  for (const id of ids) await expect.poll(() => site.ledger.get(id).catch(() => undefined), within).toBeDefined();
}

/** Resolves when every request about a task that a site knows of is answered there. */
async function answered(site: TestSite, id: string): Promise<void> {
  await expect.poll(async () => (await site.ledger.get(id)).open_requests, within).toEqual([]);
}

/** The types of a task's events as a site tells them. */
async function told(site: TestSite, id: string): Promise<string[]> {
  return typesOf(await site.ledger.history(id));
}

/** Every site holds the same, and the hot tables of each are what the log says. */
async function agreed(sites: readonly TestSite[]): Promise<void> {
  await assertConverged(sites);
  for (const site of sites) expect(await differencesFromLog(site), `hot tables of ${site.name}`).toEqual([]);
}

it('I9: what is asked at another site is recorded there and decided by the owner, whatever state the task is in', async () => {
  const [ams, fra] = await twoSites();
  const ids: string[] = [];
  for (const kind of ['failed', 'completed'] as const) {
    ids.push((await ams.ledger.submit('some.task', kind)).id);
    await settleAll(ams.pool, await claimSome(ams.pool, 1), kind);
  }
  for (const input of ['stays', 'aborted', 'moved']) ids.push((await ams.ledger.submit('some.task', input)).id);
  const [failed, completed, stays, aborted, moved] = ids as [string, string, string, string, string];
  await known(fra, ids);

  expect(await fra.ledger.abort(aborted, { reason: 'a double' })).toBe('requested');
  expect(await fra.ledger.retry(failed)).toBe('requested');
  expect(await fra.ledger.reschedule(moved, { priority: 7, startAfter: '2030-01-01T00:00:00.120Z' })).toBe('requested');
  expect(await fra.ledger.abort(completed)).toBe('requested');
  expect(await fra.ledger.retry(stays)).toBe('requested');
  for (const id of ids) await answered(fra, id);

  expect(await told(fra, aborted)).toEqual(['submitted', 'abort_requested', 'aborted']);
  expect((await told(fra, failed)).slice(-2)).toEqual(['retry_requested', 'retried']);
  expect(await told(fra, moved)).toEqual(['submitted', 'reschedule_requested', 'rescheduled']);
  expect((await told(fra, completed)).slice(-2)).toEqual(['abort_requested', 'request_refused']);
  expect((await told(fra, stays)).slice(-2)).toEqual(['retry_requested', 'request_refused']);
  const [, request, answer] = await fra.ledger.history(aborted);
  expect(request).toMatchObject({ site: 'fra', realm: 'ams', epoch: 1, version: null, data: { reason: 'a double' } });
  expect(answer).toMatchObject({
    site: 'ams',
    version: 2,
    context: { answers: [['fra', String(request!.seq)]] },
    data: { reason: 'a double' },
  });
  expect(await ams.ledger.get(moved)).toMatchObject({
    state: 'pending',
    priority: 7,
    run_at: '2030-01-01T00:00:00.120Z',
  });
  await agreed([ams, fra]);
}, 60_000);

it('tells an attempt that runs at the owner to stop, and shows tasks in every state at every site as the owner does', async () => {
  const [ams, fra] = await twoSites();
  const runner = ams.ledger.runner({
    handlers: [
      hangs.handle(async ({ signal, progress }) => {
        await progress({ fraction: 0.5, message: 'half' });
        await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
      }),
    ],
  });
  const { id: running } = await ams.ledger.submit(hangs, 'long');
  await runner.start();
  await expect
    .poll(async () => (await ams.ledger.get(running)).progress, within)
    .toEqual({ fraction: 0.5, message: 'half' });
  const ids = [running];
  for (const kind of ['completed', 'failed', 'retry', 'released', 'aborted', 'in_doubt'] as const) {
    ids.push((await ams.ledger.submit('some.task', kind, { priority: 3 })).id);
    await settleAll(ams.pool, await claimSome(ams.pool, 1), kind, kind === 'retry' ? { retryInMs: 60_000 } : {});
  }
  ids.push((await ams.ledger.submit('some.task', 'leased')).id);
  await claimSome(ams.pool, 1, { ttlMs: 60_000 });
  const { id: moved } = await ams.ledger.submit('some.task', 'moved');
  await ams.ledger.reschedule(moved, { priority: -5, startAfter: '2030-01-01T00:00:00Z' });
  ids.push(
    moved,
    (await ams.ledger.submit('some.task', 'missed', { startBefore: new Date(Date.now() + 50).toISOString() })).id,
  );
  await expect.poll(async () => (await ams.ledger.get(ids.at(-1)!)).state, within).toBe('missed');
  await assertConverged([ams, fra]);
  await sameEverywhere(ams, fra, ids);

  expect(await fra.ledger.abort(running, { reason: 'not needed' })).toBe('requested');
  await expect.poll(async () => (await fra.ledger.get(running)).state, within).toBe('aborted');
  expect(await told(fra, running)).toEqual(['submitted', 'leased', 'progressed', 'abort_requested', 'aborted']);
  await runner.stop();
  await agreed([ams, fra]);
  await sameEverywhere(ams, fra, ids);
}, 60_000);

/** `get`, `history`, `list` and the view everybody may read tell the same of these tasks at both sites. */
async function sameEverywhere(ams: TestSite, fra: TestSite, ids: readonly string[]): Promise<void> {
  const view = `select id, name, state, queue, priority, realm, run_at, attempt, submitted_at, finished_at, output::text, error::text, version, error_code
                  from taskledger.tasks order by id`;
  for (const id of ids) {
    expect(await fra.ledger.get(id)).toEqual(await ams.ledger.get(id));
    expect(await fra.ledger.history(id)).toEqual(await ams.ledger.history(id));
  }
  const listed = await ams.ledger.list();
  expect(await fra.ledger.list()).toEqual(listed);
  expect(await listedFromLog(fra)).toEqual(listed);
  expect((await fra.pool.query(view)).rows).toEqual((await ams.pool.query(view)).rows);
}

/** What `list` answers where nothing is projected. */
async function listedFromLog({ pool }: TestSite): Promise<TaskSummary[]> {
  const client = await pool.connect();
  try {
    await client.query('begin; update taskledger.cursors set block = 0');
    return await listTasks(client, systemClock);
  } finally {
    await client.query('rollback');
    client.release();
  }
}

it('I8: requests made while the link is cut are answered once when it heals; of two at once one is granted', async () => {
  const link = await proxyTo(inject('testServer').adminUrl);
  const [ams, fra] = await twoSites({ via: (_from, _to, direct) => link.url(direct) });
  const tasks = await ams.ledger.submitMany('some.task', [{ input: 'cut' }, { input: 'both' }]);
  const [cut, both] = tasks.map(({ id }) => id) as [string, string];
  await known(fra, [cut, both]);

  link.refuse();
  const { id: unknown } = await ams.ledger.submit('some.task', 'not there yet');
  await expect(fra.ledger.abort(unknown)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_FOUND' });
  expect(await fra.ledger.abort(cut)).toBe('requested');
  expect(await told(fra, cut)).toEqual(['submitted', 'abort_requested']);
  link.mend();
  const [here, there] = await Promise.all([ams.ledger.abort(both), fra.ledger.abort(both)]);
  expect([here, there]).toEqual(['aborted', 'requested']);
  for (const id of [cut, both]) await answered(fra, id);
  await agreed([ams, fra]);
  expect(await told(fra, cut)).toEqual(['submitted', 'abort_requested', 'aborted']);
  const types = await told(ams, both);
  expect([...types].sort()).toEqual(['abort_requested', 'abort_requested', 'aborted', 'request_refused', 'submitted']);
}, 60_000);

it('I8, I10: the owner killed with -9 before or after it answers answers each request once; so it does when its cursor went back', async () => {
  const [ams, fra] = await twoSites();
  for (const at of ['requests.begun', 'requests.answered']) {
    const tasks = await ams.ledger.submitMany('some.task', [{ input: 'leased' }, { input: 'pending' }]);
    const [leased, pending] = tasks.map(({ id }) => id) as [string, string];
    const claim = await claimSome(ams.pool, 1, { ttlMs: 600_000 });
    await known(fra, [leased, pending]);
    await assertConverged([ams, fra]);
    await ams.rest();
    for (const id of [leased, pending]) expect(await fra.ledger.abort(id)).toBe('requested');
    await expect.poll(() => told(ams, pending), within).toContain('abort_requested');
    expect(await differencesFromLog(ams), 'before it is heard, a request changes nothing').toEqual([]);
    expect(await spawnDaemon(ams.url, `name === '${at}'`).died).toBe('SIGKILL');
    await ams.serve();
    await answered(fra, pending);
    expect(await toldAttempts(ams)).toBe(1);
    await ams.rest();
    // As after the restore of a backup: the log was pulled back, the cursor is what it was.
    await ams.pool.query('update taskledger.request_cursors set block = 0, seq = 0');
    await ams.serve();
    await expect.poll(() => cursorOf(ams), within).toBeGreaterThan(0);
    expect(await toldAttempts(ams)).toBe(1);
    expect(await settleAll(ams.pool, claim, 'aborted')).toEqual([]);
    await agreed([ams, fra]);
    expect(await told(fra, leased)).toEqual(['submitted', 'leased', 'abort_requested', 'aborted']);
    expect(await told(fra, pending)).toEqual(['submitted', 'abort_requested', 'aborted']);
  }
}, 60_000);

/** How many requests the attempts that run at a site are told of. */
async function toldAttempts({ pool }: TestSite): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    'select coalesce(sum(json_array_length(abort_answers)), 0)::int as n from taskledger.open_tasks',
  );
  return rows[0]!.n;
}

async function cursorOf({ pool }: TestSite): Promise<number> {
  const { rows } = await pool.query<{ block: string }>('select block from taskledger.request_cursors');
  return Number(rows[0]?.block ?? 0);
}

it('the command line says who decides, and the history tells the round trip', async () => {
  const [ams, fra] = await twoSites();
  const tasks = await ams.ledger.submitMany('letters.send', [{ input: 1 }, { input: 2 }, { input: 3 }]);
  const ids = tasks.map(({ id }) => id);
  const [first] = ids as [string];
  await assertConverged([ams, fra]);
  const one = await runCli(['reschedule', first, '--priority', '9', '--reason', 'urgent'], { url: fra.url });
  expect([one.stdout, one.status]).toEqual([`${first}  asked; ams decides\n`, 0]);
  await answered(fra, first);
  const matching = ['abort', '--state', 'pending', '--name', 'letters.send', '--reason', 'sent by hand', '--json'];
  const aborted = await runCli(matching, { url: fra.url });
  expect(aborted.status).toBe(0);
  expect(aborted.objects()).toEqual([
    ...ids.toReversed().map((id) => ({ id, state: 'requested', granted: null, owner: 'ams' })),
    { summary: true, dry_run: false, matched: 3, granted: 0, refused: 0, requested: 3 },
  ]);
  for (const id of ids) await answered(fra, id);
  const { stdout } = await runCli(['history', first], { url: fra.url });
  const [, asked, rescheduled, requested, ended] = stdout.trimEnd().split('\n');
  expect(asked).toMatch(/ fra\/\d+ .* \S+ at fra asked for another schedule \(priority 9\), because: urgent\.$/);
  expect(rescheduled).toMatch(
    / ams\/\d+ .* Rescheduled \(priority 9\), because: urgent, as asked in fra\/\d+; answered by \S+ at ams\.$/,
  );
  expect(requested).toMatch(/ asked for it to be aborted, because: sent by hand\.$/);
  expect(ended).toMatch(/ Aborted, because: sent by hand, as asked in fra\/\d+; answered by \S+ at ams\.$/);
  await agreed([ams, fra]);
}, 60_000);

it('what cannot be read is refused, what no owner knows raises an incident, and neither stops the stream', async () => {
  const [ams, fra] = await twoSites();
  const { id } = await ams.ledger.submit('some.task', 'spared');
  await known(fra, [id]);
  const forged = `insert into taskledger.events (site, seq, realm, epoch, task_id, type, occurred_at, actor, data)
                  values ('fra', nextval('taskledger.event_seq'), 'ams', 1, $1, $2, date_trunc('milliseconds', now()), 'nobody', $3)`;
  await fra.pool.query(forged, [id, 'task.reschedule_requested', '{"start_after":"tomorrow"}']);
  await fra.pool.query(forged, [id, 'task.abort_requested', '{"reason":"a\\u0000b"}']);
  await fra.pool.query(forged, ['01900000-0000-7000-8000-000000000000', 'task.abort_requested', '{}']);
  await fra.ledger.retry(id);
  const whys = async (): Promise<unknown[]> => {
    const { rows } = await fra.pool.query<{ why: string }>(
      "select data ->> 'why' as why from taskledger.events where type = 'task.request_refused' order by version",
    );
    return rows.map(({ why }) => why);
  };
  await expect
    .poll(whys, within)
    .toEqual([
      'site ams cannot read what is asked; the task is pending',
      'site ams cannot read what is asked; the task is pending',
      'only a failed, aborted or missed task can be run again; this one is pending',
    ]);
  const { rows } = await ams.pool.query(
    "select data ->> 'kind' as kind, data ->> 'summary' as summary from taskledger.events where type = 'incident.raised'",
  );
  expect(rows).toEqual([
    { kind: 'unknown_task', summary: expect.stringContaining('01900000-0000-7000-8000-000000000000 of realm ams') },
  ]);
  await expect(fra.ledger.resolve(id, { outcome: 'failed' })).rejects.toMatchObject({
    code: 'TASKLEDGER_NOT_OWNER',
    message: expect.stringContaining('owner ams'),
  });
  await expect(fra.ledger.submit('some.task', 1, { realm: 'ams' })).rejects.toMatchObject({
    message: expect.stringContaining('owner ams'),
  });
}, 60_000);
