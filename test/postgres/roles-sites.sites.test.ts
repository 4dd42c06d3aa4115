import { execFileSync } from 'node:child_process';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { defineTask } from '../../src/ledger/define-task.ts';
import type { CliResult } from '../cli/run-cli.ts';
import { withConnection } from '../support/admin-connection.ts';
import { assertConverged } from '../support/converged.ts';
import {
  asFile,
  makeSecrets,
  openGuardedSite,
  serverLog,
  type GuardedSite,
  type Secrets,
} from '../support/guarded-sites.ts';
import { readableTo } from '../support/readable-to.ts';
import { startSiteServers } from '../support/sites.ts';
import { createAuthority, encrypt } from '../support/tls.ts';

const seconds = (n: number) => ({ timeout: n * 1000, interval: 100 });

interface Shop {
  readonly ams: GuardedSite;
  readonly fra: GuardedSite;
  readonly secrets: Secrets;
  readonly certificate: string;
}

/** Two sites as the pages set them up, that do not know each other yet; statements are logged, as some do in production. */
async function openShop(): Promise<Shop> {
  const authority = await createAuthority();
  onTestFinished(() => authority[Symbol.asyncDispose]());
  const servers = await startSiteServers(2);
  onTestFinished(async () => {
    await Promise.all(servers.map((server) => server.stop('immediate')));
  });
  const secrets = makeSecrets();
  const open = async (name: string, server = servers[0]): Promise<GuardedSite> => {
    if (server === undefined) throw new Error('a server for each site');
    await encrypt(server, authority, { database: 'shop', user: 'tl_link' });
    const site = await openGuardedSite(name, server, secrets);
    await site.pool.query("alter system set log_statement = 'all'");

    await site.pool.query('select pg_reload_conf()');
    return site;
  };
  const [ams, fra] = await Promise.all([open('ams', servers[0]), open('fra', servers[1])]);
  return { ams, fra, secrets, certificate: authority.certificate };
}

/** How another site's server and daemon reach this one: by this name of its machine, encrypted and checked. */
function linkTo(site: GuardedSite, host: string, certificate: string): string {
  const url = new URL(site.urlOf('tl_link'));
  url.hostname = host;
  url.search = new URLSearchParams({ sslmode: 'verify-full', sslrootcert: certificate }).toString();
  return url.href;
}

/** `site add` at ams, by an operator of both sites, with URLs from files. */
async function add({ ams, fra }: Shop, link: string, backLink: string): Promise<CliResult> {
  const ways = ['--link', await asFile(link), '--back-link', await asFile(backLink)];
  return await ams.cli('shop_operator', 'site', 'add', await asFile(fra.urlOf('shop_operator')), ...ways);
}

/** The certificates hold names and addresses. What is warned of is done, but for the one that is no matter of rights. */
async function join(shop: Shop): Promise<void> {
  const { ams, fra, certificate } = shop;
  const refused = await add(shop, fra.urlOf('tl_link'), ams.urlOf('tl_link'));
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(/(no sslmode in its URL.*){2}/s)]);
  for (const { name, pool } of [ams, fra]) {
    const warning = new RegExp(`log of site ${name} may show .*run (alter role OPERATOR .*?; alter .*?);`);
    const [, statements = ''] = warning.exec(refused.stderr) ?? [];
    await pool.query(statements.replaceAll('OPERATOR', 'shop_operator'));
  }
  const added = await add(shop, linkTo(fra, 'localhost', certificate), linkTo(ams, '127.0.0.1', certificate));
  expect([added.status, added.objects()]).toMatchObject([0, [{ new: true, transport: 'logical' }]]);
  for (const line of added.stderr.trimEnd().split('\n')) expect(line).toContain('max_slot_wal_keep_size');
}

/** Of a URL that PostgreSQL cannot read it would quote the whole statement, in its log. */
async function renewWrongly(shop: Shop): Promise<void> {
  const { ams, fra, certificate } = shop;
  const wrong = `${linkTo(fra, 'localhost', certificate)}&unknown=1`;
  const { status, stderr } = await add(shop, wrong, linkTo(ams, '127.0.0.1', certificate));
  expect([status, stderr]).toEqual([2, expect.stringContaining('one that PostgreSQL can read')]);
}

/** Both are replicated to, and every session of the links' user, of walsenders and daemons alike, is encrypted. */
async function expectEncrypted({ ams, fra }: Shop): Promise<void> {
  const seen = async () => {
    const sessions = `select bool_and(s.ssl) as encrypted, bool_or(a.backend_type = 'walsender') as replicating, bool_or(a.backend_type = 'client backend') as asking
                        from pg_stat_activity a join pg_stat_ssl s using (pid) where a.usename = 'tl_link'`;
    return (await Promise.all([ams, fra].map(({ pool }) => pool.query<object>(sessions)))).flatMap(({ rows }) => rows);
  };
  const all = { encrypted: true, replicating: true, asking: true };
  await expect.poll(seen, seconds(15)).toEqual([all, all]);
}

const issue = defineTask({ name: 'tickets.issue' });

/** The application submits, a runner works until everything is done, and both sites are equal. */
async function work({ ams, fra }: Shop, site: GuardedSite, afterIncidents = false): Promise<void> {
  const [app, ledger] = [await site.ledgerOf('shop_app'), await site.ledgerOf('shop_runner')];
  await app.submitMany(
    issue,
    Array.from({ length: 20 }, (_, i) => ({ input: i })),
  );
  const runner = ledger.runner({ handlers: [issue.handle(() => Promise.resolve('issued'))], pollMs: 50 });
  onTestFinished(() => runner.stop(0));
  await runner.start();
  const open = async () => (await site.pool.query('select from taskledger.open_tasks')).rowCount;
  await expect.poll(open, seconds(15)).toBe(0);
  await runner.stop();
  await assertConverged([ams, fra], { afterIncidents, withinMs: 30_000 });
}

/** Until what others hold lets it. */
const insist = (attempt: () => Promise<unknown>) =>
  expect
    .poll(
      () =>
        attempt().then(
          () => 'done',
          (error: unknown) => (error as Error).message,
        ),
      seconds(20),
    )
    .toBe('done');

/** Does something, and waits until the daemon tells of what follows. */
async function untilTold(site: GuardedSite, told: RegExp, act: () => Promise<unknown>): Promise<void> {
  const before = site.logged().length;
  await act();
  await expect.poll(() => told.test(site.logged().slice(before)), { ...seconds(30), message: String(told) }).toBe(true);
}

/** A session as a server that replicates has it, by the line of pg_hba.conf that the page gives. */
async function replicate(site: GuardedSite, certificate: string): Promise<pg.Client> {
  // Not among pg's own types.
  const replicating = { replication: 'database' } as object;
  const client = new pg.Client({ connectionString: linkTo(site, 'localhost', certificate), ...replicating });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Makes a slot anew that was dropped, and then one that another session of the link's user holds. */
async function loseSlots({ ams, fra, certificate }: Shop): Promise<void> {
  const slots = async () =>
    (
      await ams.pool.query<{ name: string; active: boolean }>(
        'select slot_name as name, active from pg_replication_slots',
      )
    ).rows;
  const { name = '' } = (await slots())[0] ?? {};
  await untilTold(fra, /"slot":"absent","subscription":"enabled","msg":"link.subscribed"/, () =>
    insist(async () => {
      await ams.pool.query('select pg_terminate_backend(active_pid) from pg_replication_slots where active');
      await ams.pool.query('select pg_drop_replication_slot(slot_name) from pg_replication_slots');
    }),
  );
  await fra.rest();
  await fra.pool.query("select taskledger.unsubscribe('ams')");
  await expect.poll(slots, seconds(10)).toEqual([{ name, active: false }]);
  const holder = await replicate(ams, certificate);
  const held = holder.query(
    `START_REPLICATION SLOT ${name} LOGICAL 0/0 (proto_version '1', publication_names 'taskledger')`,
  );
  const lost = held.catch((error: unknown) => (error as Error).message);
  await expect.poll(slots, seconds(10)).toEqual([{ name, active: true }]);
  await untilTold(fra, /"subscription":"absent","msg":"link.subscribed"/, () => fra.serve());
  expect(await lost).toBe('terminating connection due to administrator command');
}

/** What a superuser changed is found, named, and put right when the operator says so. */
async function tamper({ fra }: Shop): Promise<void> {
  await fra.pool.query(
    `begin; alter table taskledger.events_ams disable trigger user;
     update taskledger.events_ams set actor = 'nobody' where seq = (select max(seq) from taskledger.events_ams where type = 'task.submitted');
     alter table taskledger.events_ams enable always trigger refuse_change_row, enable always trigger refuse_change,
       enable always trigger refuse_truncate; commit`,
  );
  const auditor = await fra.ledgerOf('shop_auditor');
  const openIncidents = async () => (await auditor.status()).openIncidents;
  await expect.poll(openIncidents, seconds(15)).toBe(1);
  const repaired = await fra.cli('shop_operator', 'site', 'repair', 'ams');
  expect([repaired.status, repaired.objects()]).toEqual([0, [{ stream: 'ams', blocks: 1 }]]);
  await expect.poll(openIncidents, seconds(15)).toBe(0);
}

/** A backup of ams is put in place of the database; what it lacks comes back from fra. */
async function restore(shop: Shop): Promise<void> {
  const { ams, fra } = shop;
  const asAdmin = (...statements: string[]) =>
    withConnection(ams.server.url, async (admin) => {
      await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = 'shop'");
      for (const statement of statements) await admin.query(statement);
    });
  await Promise.all([ams.rest(), fra.rest()]);
  await insist(() => asAdmin('create database older template shop'));
  await Promise.all([ams.serve(), fra.serve()]);
  await work(shop, ams, true);
  await ams.rest();
  await ams.pool.query("select taskledger.unsubscribe('fra')");
  await insist(() =>
    asAdmin('select pg_drop_replication_slot(slot_name) from pg_replication_slots', 'drop database shop'),
  );
  await asAdmin('alter database older rename to shop');
  await ams.letIn();
  await untilTold(ams, /"msg":"site.recovered"/, () => ams.serve());
}

/** The operator ends both sides, and hands on what an administrator alone may do; a daemon might be faster. */
async function leave({ ams, fra }: Shop): Promise<void> {
  await Promise.all([ams.rest(), fra.rest()]);
  const peer = ['--peer-url', await asFile(fra.urlOf('shop_operator'))];
  const removed = await ams.cli('shop_operator', 'site', 'remove', 'fra', ...peer);
  const [told] = removed.objects();
  expect([removed.status, told]).toMatchObject([1, { removed: true, at_peer: { removed: true, error: null } }]);
  const left = told?.['left'] as string[];
  expect(left).toHaveLength(2);
  for (const [i, { pool }] of [ams, fra].entries()) {
    const [statement = ''] = /select pg_drop_replication_slot\('tl_\w+'\)$/.exec(left[i] ?? '') ?? [];
    await insist(() => pool.query(statement));
    const { rows } = await pool.query(
      'select (select count(*) from pg_replication_slots)::int as slots, (select count(*) from pg_subscription)::int as subscriptions',
    );
    expect(rows).toEqual([{ slots: 0, subscriptions: 0 }]);
  }
}

/** What the page says, plainly, of the link's user: nothing of the application by its role, everything by its attribute. */
async function expectPlainWords({ ams, certificate }: Shop): Promise<void> {
  await ams.pool.query('create table orders (note text)');
  await withConnection(linkTo(ams, 'localhost', certificate), async (link) => {
    await expect(link.query('select from orders')).rejects.toMatchObject({ code: '42501' });
    await link.query("select pg_create_logical_replication_slot('look', 'test_decoding', true)");
    await ams.pool.query("insert into orders values ('of no concern to fra')");
    const { rows } = await link.query("select data from pg_logical_slot_get_changes('look', null, null)");
    expect(JSON.stringify(rows)).toContain('of no concern to fra');
  });
  const walsender = await replicate(ams, certificate);
  await expect(walsender.query("BASE_BACKUP (CHECKPOINT 'fast')")).resolves.toContainEqual(
    expect.objectContaining({ command: 'SELECT' }),
  );
  await walsender.end();
}

/** No password is anywhere but with those who have to know it: while the sites are peers, the owner and the daemon. */
async function expectSecret({ ams, fra, secrets }: Shop): Promise<void> {
  for (const site of [ams, fra]) {
    const status = await site.cli('shop_auditor', 'site', 'status');
    const texts = {
      'the log of the server': await serverLog(site),
      'the logs of the daemon': site.logged(),
      'the list of processes': execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' }),
      'site status': status.stdout + status.stderr,
      'what an auditor reads': await readableTo(site.urlOf('shop_auditor')),
      'what an operator reads': await readableTo(site.urlOf('shop_operator')),
      'what the statistics show a superuser': JSON.stringify(
        (await site.pool.query('select * from pg_stat_activity')).rows,
      ),
    };
    for (const [where, text] of Object.entries(texts)) {
      expect(text.length, where).toBeGreaterThan(100);
      const seen = Object.entries(secrets).filter(([, secret]) => text.includes(secret));
      expect(
        seen.map(([user]) => user),
        `passwords in ${where} of ${site.name}`,
      ).toEqual([]);
    }
    expect(await readableTo(site.urlOf('shop_owner'))).toContain(secrets.tl_link);
  }
}

test('two sites are joined, lose a slot, are tampered with, repaired, restored and parted by users without any right but those of the pages', async () => {
  const shop = await openShop();
  const { ams, fra } = shop;
  await join(shop);
  await Promise.all([ams.serve(), fra.serve()]);
  await Promise.all([work(shop, ams), work(shop, fra)]);
  await expectEncrypted(shop);
  await expectPlainWords(shop);
  await renewWrongly(shop);
  await loseSlots(shop);
  await work(shop, ams);
  await tamper(shop);
  await restore(shop);
  await work(shop, ams, true);
  await expectEncrypted(shop);
  await expectSecret(shop);
  await leave(shop);
}, 120_000);
