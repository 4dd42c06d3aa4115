import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { migrate } from '../../src/postgres/migrate.ts';
import { addPeerBothWays } from '../../src/replication/join.ts';
import { removePeer } from '../../src/replication/leave.ts';
import { readPeers, requireKnown } from '../../src/replication/peer.ts';
import { withConnection } from '../support/admin-connection.ts';
import { assertConverged } from '../support/converged.ts';
import { createTestDatabase } from '../support/database.ts';
import { loginWith, type Login } from '../support/logins.ts';
import { placeForKeys } from '../support/site-key-file.ts';
import { openSite, type TestSite } from '../support/sites.ts';
import { runCli, spawnCli, type CliResult } from '../cli/run-cli.ts';

interface Pair {
  readonly ams: TestSite;
  readonly fra: TestSite;
  /** Of both; the roles are the server's. */
  readonly operator: Login;
  readonly linkUser: Login;
  /** Files that hold a URL, as arguments: an operator's, and those of the link user. */
  readonly toFra: string;
  readonly linkToFra: string;
  readonly linkToAms: string;
}

/** Two sites that do not know each other, with an operator and a user for the links. */
async function openPair(): Promise<Pair> {
  const [ams, fra] = await Promise.all([openSite('ams'), openSite('fra')]);
  const operator = await loginWith(ams.url, 'taskledger_operator');
  const linkUser = await loginWith(ams.url, 'taskledger_peer');
  await ams.pool.query(`alter role ${linkUser.name} replication`);
  const place = await placeForKeys();
  const file = (name: string, login: Login, site: TestSite): string => {
    writeFileSync(path.join(place, name), asUser(site, login));
    return `@${path.join(place, name)}`;
  };
  return {
    ams,
    fra,
    operator,
    linkUser,
    toFra: file('operator', operator, fra),
    linkToFra: file('link', linkUser, fra),
    linkToAms: file('back-link', linkUser, ams),
  };
}

/** The URL of a site's database for another user. */
function asUser(site: TestSite, { url }: Login): string {
  const own = new URL(url);
  own.pathname = new URL(site.url).pathname;
  return own.href;
}

const ways = ({ linkToFra, linkToAms }: Pair) => ['--link', linkToFra, '--back-link', linkToAms, '--insecure'];
const addArguments = (pair: Pair) => ['site', 'add', pair.toFra, ...ways(pair), '--json'];
const addFra = (pair: Pair, ...more: string[]): Promise<CliResult> =>
  runCli([...addArguments(pair), ...more], { url: asUser(pair.ams, pair.operator) });

const statusOf = async (site: TestSite): Promise<{ exit: number | null; told: Record<string, unknown> }> => {
  const { status, objects } = await runCli(['site', 'status', '--json'], { url: site.url });
  return { exit: status, told: objects()[0] ?? {} };
};

async function replicationOf({
  pool,
}: TestSite): Promise<{ slots: string[]; subscriptions: string[]; peers: string[] }> {
  const names = async (sql: string): Promise<string[]> =>
    (await pool.query<{ name: string }>(sql)).rows.map(({ name }) => name);
  return {
    slots: await names('select slot_name as name from pg_replication_slots where database = current_database()'),
    subscriptions: await names(
      'select subname as name from pg_subscription u join pg_database d on d.oid = u.subdbid where d.datname = current_database()',
    ),
    peers: await names('select site as name from taskledger.peers'),
  };
}

/** Makes them peers that replicate. */
async function joined({ ams, fra, linkUser }: Pair): Promise<void> {
  const ways = { link: asUser(fra, linkUser), backLink: asUser(ams, linkUser), transport: 'logical' } as const;
  await addPeerBothWays({ here: ams.pool, there: fra.pool, ...ways });
  for (const site of [ams, fra]) {
    const at = async () => Object.values(await replicationOf(site)).map((names) => names.length);
    await expect.poll(at, seconds(15)).toEqual([1, 1, 1]);
  }
}

/** The last block of the stream `of` that the site `by` has proven, as `site` was told. */
async function provenAt(site: TestSite, of: string, by = site.name): Promise<number> {
  const { rows } = await site.pool.query<{ number: string }>(
    'select number from taskledger.proofs where by_site = $1 and of_site = $2',
    [by, of],
  );
  return Number(rows[0]?.number ?? 0);
}

const superuserOf = ({ url, name }: TestSite): Login => ({ url, name });

const nothing = { slots: [], subscriptions: [], peers: [] };
const seconds = (n: number) => ({ timeout: n * 1000, interval: 100 });

test('site add joins two sites both ways, and no output, event or session shows a secret', async () => {
  const pair = await openPair();
  const { ams, fra, linkUser, operator } = pair;
  await ams.ledger.submitMany('tickets.issue', [{ input: 1 }, { input: 2 }]);
  await Promise.all([ams.serve(), fra.serve()]);
  const added = await addFra(pair, '--wait', '20s');
  expect([added.status, added.objects()]).toEqual([
    0,
    [{ site: 'ams', peer: 'fra', transport: 'logical', new: true, proven: true, missing_pairs: [] }],
  ]);
  await fra.ledger.submit('tickets.issue', 3);
  await assertConverged([ams, fra]);
  await expect.poll(async () => (await statusOf(ams)).exit, seconds(10)).toBe(0);
  const { told } = await statusOf(ams);
  expect(told).toMatchObject({ in_sync: true, halted: [], quarantined: 0, open_incidents: 0, recovering: false });
  expect(told['peers']).toMatchObject([
    {
      ...{ site: 'fra', transport: 'logical', connected: true, why: null, behind_events: 0, behind_ms: 0 },
      slot: { state: 'reserved', active: true, retained_bytes: expect.any(Number) },
      subscription: { state: 'enabled', apply_errors: 0 },
    },
  ]);
  const proofs = async () =>
    (await ams.ledger.status()).proofs.map((one) => [one.bySite, one.ofSite, one.block > 0n, one.blocksBehind]);
  await expect.poll(proofs, seconds(10)).toEqual([
    ['ams', 'ams', true, 0n],
    ['ams', 'fra', true, 0n],
    ['fra', 'ams', true, 0n],
    ['fra', 'fra', true, 0n],
  ]);
  expect(await ams.ledger.status()).toMatchObject({
    site: 'ams',
    inSync: true,
    peers: [{ site: 'fra', connected: true }],
  });

  const { rows } = await ams.pool.query<{ all: string }>(
    `select (select string_agg(e::text, '') from taskledger.events e) || (select string_agg(l::text, '') from taskledger.link_states l)
            || (select string_agg(a::text, '') from pg_stat_activity a) as all`,
  );
  const texts = [added.stdout, added.stderr, JSON.stringify(told), rows[0]?.all];
  for (const { url } of [linkUser, operator])
    for (const text of texts) expect(text).not.toContain(new URL(url).password);

  // Again, by other ways; then without replication.
  const renewed = await runCli(['site', 'add', pair.toFra, '--link', pair.linkToFra, '--insecure', '--json'], {
    url: ams.url,
  });
  expect(renewed.objects()).toMatchObject([{ new: false }]);
  const { rows: ways } = await fra.pool.query<{ conninfo: string }>(
    'select u.subconninfo as conninfo from pg_subscription u join pg_database d on d.oid = u.subdbid where d.datname = current_database()',
  );
  expect(ways).toEqual([{ conninfo: ams.url }]);
  const pulled = await addFra({ ...pair, operator: superuserOf(ams) }, '--transport', 'pull');
  expect(pulled.objects()).toMatchObject([{ new: false, transport: 'pull' }]);
  for (const site of [ams, fra]) expect(await replicationOf(site)).toMatchObject({ subscriptions: [] });
  // What the operator of fra may not drop is there still.
  expect((await replicationOf(ams)).slots).toEqual([]);
  await ams.ledger.submit('tickets.issue', 4);
  await assertConverged([ams, fra]);
}, 60_000);

test('a subscription that cannot be made says why without the password of its URL', async () => {
  const { ams, fra, linkUser } = await openPair();
  const wrong = asUser(fra, linkUser).replace(/:[0-9a-f]+@/, ':wr0ng-s3cret@');
  await addPeerBothWays({ here: ams.pool, there: fra.pool, link: wrong, backLink: ams.url, transport: 'logical' });
  const error = await ams.pool.query("select taskledger.subscribe('fra')").then(
    () => undefined,
    (thrown: unknown) => thrown as Error,
  );
  expect(error?.message).toMatch(/password authentication failed/);
  expect(JSON.stringify({ ...error, message: error?.message })).not.toContain('wr0ng-s3cret');
});

test('site add lists every problem at once, each with its remedy, and writes nothing', async () => {
  const ams = await openSite('ams');
  const empty = await createTestDatabase({ unnamed: true });
  onTestFinished(() => empty.drop());
  await migrate({ connectionString: empty.url, site: 'fra' });
  const auditor = await loginWith(ams.url, 'taskledger_auditor');
  const link = new URL(asUser(ams, auditor));
  link.pathname = new URL(empty.url).pathname;
  const before = await ams.pool.query('select count(*) from taskledger.events');
  const refused = await runCli(['site', 'add', empty.url, '--link', link.href, '--json'], { url: ams.url });
  expect([refused.status, refused.stdout]).toEqual([1, '']);
  const lines = refused.stderr
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const error = lines.find((line) => 'error' in line);
  expect(error).toMatchObject({ error: 'TASKLEDGER_CANNOT_JOIN' });
  const { problems } = error?.['details'] as { problems: { site: string; expected: string; remedy: string }[] };
  expect(problems.map(({ site, remedy }) => `${site}: ${remedy}`)).toEqual([
    expect.stringMatching(/^ams: .*--insecure/),
    expect.stringMatching(/^fra: .*site init --key/),
    expect.stringMatching(/^fra: .*--insecure/),
    expect.stringMatching(/^fra: .*grant taskledger_peer/),
    expect.stringMatching(/^fra: .*alter role .* replication/),
  ]);
  expect(refused.stderr).not.toContain(link.password);
  const read = await runCli(['site', 'add', empty.url, '--link', link.href], { url: ams.url });
  for (const { remedy } of problems) expect(read.stderr).toContain(remedy);
  expect(await replicationOf(ams)).toEqual(nothing);
  expect(
    await withConnection(empty.url, async (client) => (await client.query('select from taskledger.peers')).rowCount),
  ).toBe(0);
  expect((await ams.pool.query('select count(*) from taskledger.events')).rows).toEqual(before.rows);

  const itself = await runCli(['site', 'add', ams.url, '--insecure', '--json'], { url: ams.url });
  expect(itself.stderr).toContain('one database, or a copy of it');
}, 60_000);

test('a site add killed between the two sites leaves no slot that nobody knows of, and is ended by doing it again', async () => {
  const pair = await openPair();
  const { ams, fra } = pair;
  await Promise.all([ams.serve(), fra.serve()]);
  const holder = await ams.pool.connect();
  await holder.query("select pg_advisory_lock(hashtextextended('taskledger.membership', 0))");
  const child = spawnCli(addArguments(pair), { url: asUser(ams, pair.operator) });
  const exited = once(child, 'exit');
  await expect.poll(async () => (await replicationOf(fra)).peers, seconds(15)).toEqual(['ams']);
  child.kill('SIGKILL');
  await exited;
  await ams.pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'taskledger' and wait_event = 'advisory' and datname = current_database()",
  );
  await holder.query('select pg_advisory_unlock_all()');
  holder.release();
  await expect
    .poll(async () => ((await statusOf(fra)).told['peers'] as { why: unknown }[])[0]?.why, seconds(10))
    .toBe('TASKLEDGER_NOT_A_PEER');
  expect(await replicationOf(ams)).toEqual(nothing);
  expect((await addFra(pair, '--wait', '20s')).objects()).toMatchObject([{ new: true, proven: true }]);
  await assertConverged([ams, fra]);
}, 60_000);

test('site remove ends both sides, keeps what was recorded, and says what an operator alone cannot drop', async () => {
  const pair = await openPair();
  const { ams, fra, toFra } = pair;
  await fra.ledger.submit('tickets.issue', 1);
  await Promise.all([ams.serve(), fra.serve()]);
  await joined(pair);
  await expect.poll(() => provenAt(ams, 'fra'), seconds(15)).toBeGreaterThan(0);
  const remove = (url: string, peerUrl: string): Promise<CliResult> =>
    runCli(['site', 'remove', 'fra', '--peer-url', peerUrl, '--reason', 'moved', '--json'], { url });
  const wrong = await remove(ams.url, ams.url);
  expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('TASKLEDGER_WRONG_SITE')]);
  expect((await replicationOf(ams)).peers).toEqual(['fra']);

  const byOperator = await remove(asUser(ams, pair.operator), toFra);
  const [told] = byOperator.objects();
  expect([byOperator.status, told]).toMatchObject([1, { removed: true, at_peer: { removed: true, error: null } }]);
  const remedies = (told?.['left'] as string[]).map(
    (text) => /run: (select pg_drop_replication_slot\('tl_\w+'\))$/.exec(text)?.[1],
  );
  expect(remedies).toHaveLength(2);
  expect(remedies).not.toContain(undefined);
  const again = await remove(ams.url, `@${path.join(toFra.slice(1))}`);
  expect([again.status, again.objects()]).toMatchObject([0, [{ removed: false, slots: [{ left: null }] }]]);
  expect(await replicationOf(ams)).toEqual(nothing);
  await fra.pool.query(remedies[1] ?? '');
  expect(await replicationOf(fra)).toEqual(nothing);

  const { rows } = await ams.pool.query(
    "select data ->> 'name' as name, data ->> 'reason' as reason from taskledger.events where type = 'site.left' and site = 'ams'",
  );
  expect(rows).toEqual([{ name: 'fra', reason: 'moved' }]);
  const kept = await ams.pool.query(
    "select from taskledger.proofs where by_site = 'ams' and of_site = 'fra' and number > 0",
  );
  expect(kept.rows).toHaveLength(1);
  expect((await statusOf(ams)).exit).toBe(0);
  const unknown = await runCli(['site', 'remove', 'lon', '--json'], { url: ams.url });
  expect([unknown.status, unknown.error()['error']]).toEqual([1, 'TASKLEDGER_UNKNOWN_SITE']);

  await ams.ledger.submit('tickets.issue', 2);
  expect((await addFra(pair)).objects()).toMatchObject([{ new: true }]);
  await assertConverged([ams, fra]);
}, 60_000);

test('a peer that was removed here is known no more, though it still knows this site: no link makes its slot anew', async () => {
  const { ams, fra, linkUser } = await openPair();
  const ways = { link: asUser(fra, linkUser), backLink: asUser(ams, linkUser), transport: 'logical' } as const;
  await addPeerBothWays({ here: ams.pool, there: fra.pool, ...ways });
  const [peer] = await readPeers(ams.pool);
  await requireKnown(ams.pool, fra.pool, peer!);
  await removePeer(ams.pool, 'fra', undefined);
  await expect(requireKnown(ams.pool, fra.pool, peer!)).rejects.toMatchObject({ code: 'TASKLEDGER_NOT_A_PEER' });
});

test('site remove with the peer out of reach ends this side for good, and names what is left over there', async () => {
  const pair = await openPair();
  const { ams, fra } = pair;
  await Promise.all([ams.serve(), fra.serve()]);
  await joined(pair);
  await expect.poll(async () => (await replicationOf(ams)).slots.length, seconds(10)).toBe(1);
  const away = 'postgres://nobody@127.0.0.1:1/nothing';
  const removed = await runCli(['site', 'remove', 'fra', '--peer-url', away, '--json'], { url: ams.url });
  expect([removed.status, removed.objects()]).toMatchObject([
    0,
    [
      {
        removed: true,
        slots: [{ left: null }],
        at_peer: { removed: false, error: 'TASKLEDGER_UNREACHABLE' },
        left: [expect.stringContaining('run: taskledger site remove ams')],
      },
    ],
  ]);
  // The other side goes on trying, and is not let in again.
  await expect
    .poll(async () => (await statusOf(fra)).told['peers'], seconds(15))
    .toMatchObject([{ connected: false, why: 'TASKLEDGER_NOT_A_PEER' }]);
  expect(await replicationOf(ams)).toEqual(nothing);
  const there = await runCli(['site', 'remove', 'ams', '--json'], { url: fra.url });
  expect([there.status, there.objects()]).toMatchObject([0, [{ removed: true, at_peer: null }]]);
  expect(await replicationOf(fra)).toEqual(nothing);
}, 60_000);

test('site status is 1 while a peer has no daemon to look or to prove, and --watch goes on until told to stop', async () => {
  const pair = await openPair();
  const { ams, fra } = pair;
  await addPeerBothWays({ here: ams.pool, there: fra.pool, link: fra.url, backLink: ams.url, transport: 'pull' });
  const before = await statusOf(ams);
  expect([before.exit, before.told['peers']]).toMatchObject([
    1,
    [{ connected: false, why: 'no daemon', behind_events: null, slot: null }],
  ]);
  await Promise.all([ams.serve(), fra.serve()]);
  await expect.poll(async () => (await statusOf(ams)).exit, seconds(15)).toBe(0);
  // Nothing but the link brings marks here.
  for (const of of ['ams', 'fra']) await expect.poll(() => provenAt(ams, of, 'fra'), seconds(10)).toBeGreaterThan(0);
  const child = spawnCli(['site', 'status', '--watch', '--json'], { url: ams.url });
  const said: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => said.push(chunk));
  const lines = (): string[] => Buffer.concat(said).toString().trimEnd().split('\n');
  await expect.poll(() => lines().length, seconds(10)).toBeGreaterThan(2);
  child.kill('SIGINT');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(lines().map((line) => (JSON.parse(line) as { in_sync: boolean }).in_sync)).not.toContain(false);
  const text = await runCli(['site', 'status'], { url: ams.url });
  expect(text.stdout).toMatch(/fra +pull +yes +0 events/);
  expect(text.stdout).toContain('In sync');
}, 60_000);
