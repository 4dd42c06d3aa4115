import { chmodSync, readFileSync, statSync } from 'node:fs';
import { once } from 'node:events';
import path from 'node:path';
import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { verifyLog } from '../../src/audit/verify.ts';
import { raiseIncident } from '../support/incidents.ts';
import { testLedger, type TestLedger } from '../support/ledger.ts';
import { loginWith } from '../support/logins.ts';
import { placeForKeys } from '../support/site-key-file.ts';
import { firstLine, runCli, spawnCli } from './run-cli.ts';

/** `serve` until `stop`, or the end of the test. */
function serve(url: string, args: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const child = spawnCli(['serve', '--json', ...args], { url, env: { LOG_LEVEL: 'debug', ...env } });
  const said: Buffer[] = [];
  child.stderr?.on('data', (chunk: Buffer) => said.push(chunk));
  const exited = once(child, 'exit') as Promise<[number | null]>;
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const stop = async (): Promise<number | null> => {
    child.kill('SIGTERM');
    return (await exited)[0];
  };
  return {
    ready: firstLine(child).then((line) => JSON.parse(line) as unknown),
    said: () => Buffer.concat(said).toString(),
    stop,
  };
}

async function siteStatus(t: TestLedger): Promise<Record<string, unknown>> {
  return (await runCli(['site', 'status', '--json'], { url: t.url })).objects()[0] ?? {};
}

/** Until every event of the site is in a block. */
async function allSealed(t: TestLedger): Promise<void> {
  const left = async (): Promise<number> => (await verifyLog(t.pool)).sites[0]?.unsealed ?? -1;
  await expect.poll(left, { timeout: 15_000 }).toBe(0);
}

/** Any run of key bytes long enough to be no accident. */
const secretOf = (file: string): string => readFileSync(file, 'utf8').split('\n')[1]?.slice(20, 60) ?? '';

test('site init makes a key for its owner alone, recorded; serve as the daemon role seals with it; nobody sees it', async () => {
  const t = await testLedger();
  const file = path.join(await placeForKeys(), 'ams.pem');
  const operator = (await loginWith(t.url, 'taskledger_operator')).url;
  const made = await runCli(['site', 'init', 'ams', '--key', file, '--json'], { url: operator });
  expect([made.status, made.stderr]).toEqual([0, '']);
  expect(made.objects()).toEqual([
    {
      site: 'ams',
      key_id: expect.stringMatching(/^[0-9a-f]{32}$/),
      public_key: expect.stringMatching(/^[0-9a-f]{64}$/),
      file,
      created: true,
      added: true,
    },
  ]);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const before = readFileSync(file, 'utf8');
  const again = await runCli(['site', 'init', '--key', file, '--json'], { url: operator });
  expect(again.objects()).toMatchObject([{ key_id: made.objects()[0]?.['key_id'], created: false, added: false }]);
  expect(readFileSync(file, 'utf8')).toBe(before);

  const daemon = serve((await loginWith(t.url, 'taskledger_daemon')).url, ['--key', file]);
  expect(await daemon.ready).toMatchObject({
    site: 'ams',
    services: expect.arrayContaining(['sweep', 'seal']),
    sealing: true,
  });
  await t.ledger.submit('some.task', 1);
  await allSealed(t);
  const behind = async (): Promise<unknown[]> => {
    const lags = (await siteStatus(t))['projections'] as { block: string; blocks_behind: string }[];
    return lags.map(({ block, blocks_behind }) => block !== '0' && blocks_behind === '0');
  };
  await expect.poll(behind, { timeout: 15_000 }).toEqual([true, true, true, true]);
  expect(daemon.said()).not.toContain('service.failed');
  expect(await siteStatus(t)).toMatchObject({
    site: 'ams',
    incarnation: 1,
    head: { key_id: made.objects()[0]?.['key_id'], hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    unsealed_events: '0',
    oldest_unsealed_at: null,
    sealer: { pid: expect.any(Number) },
  });
  expect(await daemon.stop()).toBe(0);
  expect(await siteStatus(t)).toMatchObject({ sealer: null });
  const { rows } = await t.pool.query<{ all: string }>(
    `select string_agg(e::text, '') as all from taskledger.events e where type = 'site.key_added'`,
  );
  expect(rows[0]?.all).toContain(made.objects()[0]?.['public_key']);
  for (const text of [made.stdout, daemon.said(), rows[0]?.all]) expect(text).not.toContain(secretOf(file));
});

test('another file is a rotation: later blocks name the new key, and blocks of both verify', async () => {
  const t = await testLedger();
  const place = await placeForKeys();
  const used: unknown[] = [];
  for (const name of ['old.pem', 'new.pem']) {
    const file = path.join(place, name);
    await runCli(['site', 'init', '--key', file], { url: t.url });
    await t.ledger.submit('some.task', name);
    const daemon = serve(t.url, ['--key', file]);
    await daemon.ready;
    await allSealed(t);
    await daemon.stop();
    used.push(((await siteStatus(t))['head'] as Record<string, unknown>)['key_id']);
  }
  expect(new Set(used).size).toBe(2);
  expect((await verifyLog(t.pool)).findings).toEqual([]);
});

test('serve without a key says how to make one, does everything else, and says that it does not seal', async () => {
  const t = await testLedger();
  const daemon = serve(t.url, []);
  expect(await daemon.ready).toMatchObject({ services: expect.not.arrayContaining(['seal']), sealing: false });
  expect(daemon.said()).toContain('taskledger site init --key FILE');
  expect(await daemon.stop()).toBe(0);
});

test('a key the site does not know is refused by serve, and not added', async () => {
  const t = await testLedger();
  const file = path.join(await placeForKeys(), 'stranger.pem');
  const other = await testLedger();
  await runCli(['site', 'init', '--key', file], { url: other.url });
  const refused = await runCli(['serve', '--json', '--key', file], { url: t.url, env: { LOG_LEVEL: 'silent' } });
  expect([refused.status, refused.stdout, refused.error()['error']]).toEqual([1, '', 'TASKLEDGER_SITE_KEY_UNKNOWN']);
  expect((await t.pool.query('select from taskledger.site_keys')).rows).toEqual([]);
  // Nor could it add one: that is not a right of the daemon.
  const daemon = new pg.Client({ connectionString: (await loginWith(t.url, 'taskledger_daemon')).url });
  await daemon.connect();
  await expect(daemon.query(`select taskledger.add_site_key('\\x${'00'.repeat(32)}')`)).rejects.toMatchObject({
    code: '42501',
  });
  await daemon.end();
});

test('the key may come as PEM or as a file from the environment; --key goes first', async () => {
  const t = await testLedger();
  const file = path.join(await placeForKeys(), 'ams.pem');
  await runCli(['site', 'init', '--key', file], { url: t.url });
  const nonsense = { TASKLEDGER_SITE_KEY: 'no key' };
  for (const [args, env] of [
    [[], { TASKLEDGER_SITE_KEY: readFileSync(file, 'utf8') }],
    [[], { TASKLEDGER_SITE_KEY_FILE: file }],
    [['--key', file], nonsense],
  ] as const) {
    const daemon = serve(t.url, args, env);
    expect(await daemon.ready).toMatchObject({ sealing: true });
    expect(daemon.said()).not.toContain(secretOf(file));
    await daemon.stop();
  }
  const refused = await runCli(['serve', '--json'], { url: t.url, env: nonsense });
  expect([refused.status, refused.error()['error']]).toEqual([2, 'TASKLEDGER_SITE_KEY_INVALID']);
});

test('a key that others can read, that is none, or of another site is refused, and nothing is overwritten', async () => {
  const t = await testLedger();
  const file = path.join(await placeForKeys(), 'ams.pem');
  const init = async (...args: string[]): Promise<unknown[]> => {
    const { status, error } = await runCli(['site', 'init', ...args, '--json'], { url: t.url });
    return [status, error()['error']];
  };
  expect(await init('lon', '--key', file)).toEqual([1, 'TASKLEDGER_SITE_NAME_TAKEN']);
  await runCli(['site', 'init', '--key', file], { url: t.url });
  chmodSync(file, 0o644);
  expect(await init('--key', file)).toEqual([2, 'TASKLEDGER_SITE_KEY_INVALID']);
  expect(await init('--key', path.join(file, 'nowhere', 'key'))).toEqual([2, 'TASKLEDGER_SITE_KEY_INVALID']);
});

test('site dismiss closes an incident for a reason that goes into the history, and nothing else', async () => {
  const t = await testLedger();
  const seq = await raiseIncident(t.pool, 'A row is not what it was.');
  const dismiss = (...args: string[]) => runCli(['site', 'dismiss', ...args, '--json'], { url: t.url });
  const without = await dismiss(`ams/${seq}`);
  expect(without.status).toBe(2);
  const unknown = await dismiss('ams/1', '--reason', 'none');
  expect([unknown.status, unknown.error()['error']]).toEqual([1, 'TASKLEDGER_NOT_FOUND']);
  await t.pool.query("insert into taskledger.faults (site, block, incident) values ('ams', 1, $1)", [seq]);
  const still = await dismiss(`ams/${seq}`, '--reason', 'none');
  expect([still.status, still.error()['error']]).toEqual([1, 'TASKLEDGER_WRONG_STATE']);
  await t.pool.query('delete from taskledger.faults');
  const closed = await dismiss(`ams/${seq}`, '--reason', 'a restored backup');
  expect([closed.status, closed.objects()]).toEqual([0, [{ incident: `ams/${seq}`, closed: true }]]);
  const { rows } = await t.pool.query("select data from taskledger.events where type = 'incident.closed'");
  expect(rows).toEqual([{ data: { incident: ['ams', seq], resolution: 'a restored backup' } }]);
});
