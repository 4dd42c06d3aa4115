import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { unexplainedEffects } from '../support/effects.ts';
import { differencesFromLog, typesOf } from '../support/ledger.ts';
import { runnerAtTwoSites, type SiteOfRunner } from '../support/runner-sites.ts';
import { deferred } from './fakes.ts';

const twoSites = runnerAtTwoSites();
const many = (count: number) => Array.from({ length: count }, (_, n) => ({ input: { n } }));

async function unfinished({ pool }: SiteOfRunner, { name }: { readonly name: string }): Promise<number> {
  const { rows } = await pool.query<{ n: number }>(
    "select count(*)::int as n from taskledger.open_tasks where name = $1 and state in ('pending', 'leased')",
    [name],
  );
  return rows[0]!.n;
}

test('its own tasks first, then those of the other site; the handler is told whose they are', async () => {
  const t = await twoSites();
  await t.ams.ledger.submitMany(t.task, many(20));
  await t.fra.ledger.submitMany(t.task, many(20));
  const ran: string[] = [];
  const quick = t.task.handle(async ({ lease }) => {
    ran.push(lease.site);
    await new Promise((resolve) => setImmediate(resolve));
  });
  await t.runner([quick], { concurrency: 1, prefetch: false }).start();
  await expect.poll(() => ran.length, { timeout: 10_000 }).toBe(40);
  expect(ran).toEqual([...Array<string>(20).fill('fra'), ...Array<string>(20).fill('ams')]);
  await expect.poll(() => unfinished(t.ams, t.task)).toBe(0);
  expect(await differencesFromLog(t.ams)).toEqual([]);
});

test('it comes back to its own site as soon as there is work there', async () => {
  const t = await twoSites();
  await t.ams.ledger.submitMany(t.task, many(400));
  const ran: string[] = [];
  const handler = t.task.handle(async ({ lease }) => {
    ran.push(lease.site);
    await systemClock.sleep(20);
  });
  const runner = t.runner([handler], { concurrency: 2 });
  await runner.start();
  await expect.poll(() => ran.length, { timeout: 5000 }).toBeGreaterThan(10);
  expect(new Set(ran)).toEqual(new Set(['ams']));
  await t.fra.ledger.submitMany(t.task, many(10));
  const from = ran.length;
  await expect.poll(() => ran.filter((site) => site === 'fra').length, { timeout: 5000 }).toBe(10);
  // Between the first and the last of its own, the other site gets nothing but what was on its way.
  const since = ran.slice(from);
  const own = since.slice(since.indexOf('fra'), since.lastIndexOf('fra') + 1);
  expect(own.filter((site) => site === 'ams').length).toBeLessThanOrEqual(2);
  await runner.stop();
  expect(await differencesFromLog(t.ams)).toEqual([]);
});

test('all sites together never run more at once than the runner may', async () => {
  const t = await twoSites();
  let running = 0;
  let most = 0;
  const busy = t.task.handle(async () => {
    most = Math.max(most, (running += 1));
    await systemClock.sleep(15);
    running -= 1;
  });
  await t.runner([busy], { concurrency: 3 }).start();
  for (let i = 0; i < 10; i += 1) {
    await t.ams.ledger.submitMany(t.task, many(8));
    await t.fra.ledger.submitMany(t.task, many(4));
    await systemClock.sleep(40);
  }
  await expect
    .poll(async () => (await unfinished(t.fra, t.task)) + (await unfinished(t.ams, t.task)), { timeout: 15_000 })
    .toBe(0);
  expect(most).toBe(3);
});

test('its own site may be away at the start and later: it works for the other, and comes back', async () => {
  const t = await twoSites();
  const ran: string[] = [];
  const noting = t.task.handle(({ lease }) => void ran.push(lease.site));
  t.toFra.refuse();
  await t.ams.ledger.submit(t.task, { n: 1 });
  await t.fra.ledger.submit(t.task, { n: 2 });
  const lost = t.signals.next('connection.lost', ({ site }) => site === 'fra');
  await t.runner([noting]).start();
  await lost;
  await expect.poll(() => ran).toEqual(['ams']);
  t.toFra.mend();
  await expect.poll(() => ran, { timeout: 8000 }).toEqual(['ams', 'fra']);
  t.toFra.freeze();
  await t.ams.ledger.submit(t.task, { n: 3 });
  await expect.poll(() => ran, { timeout: 5000 }).toEqual(['ams', 'fra', 'ams']);
  t.toFra.mend();
  await t.fra.ledger.submit(t.task, { n: 4 });
  await expect.poll(() => ran, { timeout: 8000 }).toEqual(['ams', 'fra', 'ams', 'fra']);
});

test('the other site may be away at the start and later: it works for its own, and goes back', async () => {
  const t = await twoSites();
  const ran: string[] = [];
  const noting = t.task.handle(({ lease }) => void ran.push(lease.site));
  t.toAms.freeze();
  await t.ams.ledger.submit(t.task, { n: 1 });
  await t.fra.ledger.submit(t.task, { n: 2 });
  await t.runner([noting]).start();
  await expect.poll(() => ran).toEqual(['fra']);
  t.toAms.mend();
  await expect.poll(() => ran, { timeout: 8000 }).toEqual(['fra', 'ams']);
  t.toAms.refuse();
  await t.fra.ledger.submit(t.task, { n: 3 });
  await expect.poll(() => ran).toEqual(['fra', 'ams', 'fra']);
  t.toAms.mend();
  await t.ams.ledger.submit(t.task, { n: 4 });
  await expect.poll(() => ran, { timeout: 8000 }).toEqual(['fra', 'ams', 'fra', 'ams']);
});

test.each([['both ways'], ['to server'], ['to client']] as const)(
  'I2: a link to the owner that is frozen %s ends the attempt before its lease ends, and the task runs again without overlap',
  async (which) => {
    const t = await twoSites();
    const { id } = await t.ams.ledger.submit(t.task, { n: 1 });
    const effects: { readonly text: string; readonly leaseVersion: number }[] = [];
    const leased = deferred<undefined>();
    const stuck = t.task.handle(async ({ signal, lease }) => {
      leased.resolve(undefined);
      effects.push({ text: 'first began', leaseVersion: lease.version });
      await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
      effects.push({ text: 'first stopped', leaseVersion: lease.version });
      throw signal.reason;
    });
    await t.runner([stuck]).start();
    await leased.promise;
    if (which === 'both ways') t.toAms.freeze();
    else t.toAms.freeze(which);
    const second = t.task.handle(({ lease }) => {
      effects.push({ text: 'second', leaseVersion: lease.version });
      return 'by the second';
    });
    const there = t.ams.ledger.runner({ handlers: [second], name: 'second', pollMs: 25 });
    onTestFinished(() => there.stop(0));
    await there.start();
    expect(await t.ams.ledger.result(id, { timeoutMs: 10_000 })).toBe('by the second');
    expect(effects.map(({ text }) => text)).toEqual(['first began', 'first stopped', 'second']);
    const history = await t.ams.ledger.history(id);
    const ran = effects.filter(({ text }) => text !== 'first stopped');
    expect(
      unexplainedEffects(
        history,
        ran.map(({ leaseVersion }) => ({ runner: '', taskId: id, leaseVersion })),
      ),
    ).toEqual([]);
    // Its own site was not in the way of anything.
    await t.fra.ledger.submit(t.task, { n: 2 });
    await t.signals.next('attempt.started', ({ site }) => site === 'fra');
  },
);

test('a request to abort that is recorded at the owner reaches the handler', async () => {
  const t = await twoSites();
  const leased = deferred<undefined>();
  const stuck = t.task.handle(async ({ signal }) => {
    leased.resolve(undefined);
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    throw signal.reason;
  });
  await t.runner([stuck]).start();
  const { id } = await t.ams.ledger.submit(t.task, { n: 1 });
  await leased.promise;
  await t.ams.ledger.abort(id, { reason: 'not wanted' });
  await expect.poll(async () => (await t.ams.ledger.get(id)).state, { timeout: 3000 }).toBe('aborted');
});

test('a stop gives leases back at every site', async () => {
  const t = await twoSites();
  const ids = [await t.ams.ledger.submit(t.task, { n: 1 }), await t.fra.ledger.submit(t.task, { n: 2 })].map(
    ({ id }) => id,
  );
  let begun = 0;
  const stuck = t.task.handle(async () => {
    begun += 1;
    await new Promise(() => undefined);
  });
  const runner = t.runner([stuck], { concurrency: 2 });
  await runner.start();
  await expect.poll(() => begun, { timeout: 5000 }).toBe(2);
  const stopped = t.signals.next('runner.stopped');
  await runner.stop(50);
  expect(await stopped).toMatchObject({ released: 2 });
  const types = await Promise.all([
    t.ams.ledger.history(ids[0]!).then(typesOf),
    t.fra.ledger.history(ids[1]!).then(typesOf),
  ]);
  expect(types).toEqual(Array(2).fill(['submitted', 'leased', 'lease_released']));
});

test('a stop does not wait for a site over a link that is frozen', async () => {
  const t = await twoSites();
  const runner = t.runner([t.task.handle(() => undefined)]);
  await runner.start();
  await t.signals.next('claim.granted', ({ site }) => site === 'ams');
  t.toAms.freeze();
  const startedAt = performance.now();
  await runner.stop(500);
  expect(performance.now() - startedAt).toBeLessThan(8000);
});

test('a site that is another one than it was named for is refused at the start', async () => {
  const t = await twoSites();
  const wrong = { lon: t.ams.url };
  const runner = t.runner([t.task.handle(() => undefined)], { sites: wrong });
  await expect(runner.start()).rejects.toMatchObject({
    code: 'TASKLEDGER_WRONG_SITE',
    message: expect.stringMatching(/Expected site lon at the URL .* found site ams/),
  });
});

test('a site that turns out to be another one later is not worked for, and the log says so', async () => {
  const t = await twoSites();
  await t.ams.ledger.submit(t.task, { n: 1 });
  t.toAms.refuse();
  const ran: string[] = [];
  const noting = t.task.handle(({ lease }) => void ran.push(lease.site));
  await t.runner([noting], { sites: { lon: t.toAms.url(t.ams.url) } }).start();
  const refused = t.signals.next('service.failed', ({ site }) => site === 'lon');
  t.toAms.mend();
  expect(await refused).toMatchObject({ code: 'TASKLEDGER_WRONG_SITE' });
  await t.fra.ledger.submit(t.task, { n: 2 });
  await expect.poll(() => ran).toEqual(['fra']);
});

test('no site answers: the runner does not start', async () => {
  const t = await twoSites();
  t.toAms.refuse();
  t.toFra.refuse();
  const runner = t.runner([t.task.handle(() => undefined)]);
  await expect(runner.start()).rejects.toMatchObject({ code: 'TASKLEDGER_UNREACHABLE' });
});
