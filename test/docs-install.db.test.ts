import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startEmbeddedPostgres } from '../src/postgres/embedded/start-embedded-postgres.ts';
import { roleGrants } from '../src/postgres/grants.ts';
import { urlOfDatabase, withConnection } from './support/admin-connection.ts';
import { notRun, pageBlocks } from './support/pages/page-blocks.ts';
import { hasPsql, PageSession } from './support/pages/page-session.ts';
import { repositoryRoot } from './support/repository.ts';

/** docs/install.md, followed from top to bottom on a server of its own: roles belong to a whole server. */
const page = pageBlocks('docs/install.md');
const units = ['taskledger-serve.service', 'taskledger-run@.service'];
const passwordOf = (user: string): string => `${user.replace('shop_', '')}-password`;

test(`the commands of docs/install.md work in order${hasPsql ? '' : ' (SQL by the driver: this machine has no psql)'}`, async () => {
  await using server = await startEmbeddedPostgres();
  const { host } = new URL(server.url);
  const sqlUrl = (user = 'administrator', database = 'shop'): string => {
    const url = new URL(urlOfDatabase(server.url, database));
    if (user !== 'administrator') Object.assign(url, { username: user, password: passwordOf(user) });
    return url.href;
  };
  await using session = await PageSession.start({
    sqlUrl,
    replacing: { 'db1:5432': host },
  });
  const uninstall = page.findIndex(({ text }) => text.startsWith('drop schema'));
  await session.follow(page.slice(0, uninstall));
  await session.stopBackground();
  await session.follow(page.slice(uninstall));
  await withConnection(server.url, async (client) => {
    const { rows } = await client.query("select rolname from pg_roles where rolname ~ '^(taskledger|shop)_'");
    expect(rows).toEqual([{ rolname: 'shop_owner' }]);
  });
}, 180_000);

test('nothing of the page is left out but what needs systemd, packages or another server', () => {
  expect(notRun(page)).toEqual([
    'npm install ./taskledger-0.1.0.tgz (package installation)',
    'install -d -m 0700 /etc/shop (needs systemd, and root)',
    "pg_dump --format=custom --file=shop.dump postgres://shop_owner@db1:5432/shop (needs pg_dump of the server's release, and a second server)",
  ]);
});

test('the page lets an administrator create the roles a migration asks for, all of them', () => {
  const statements = page.find(({ text }) => text.startsWith('create role taskledger_'))?.text.trim();
  expect(statements?.split('\n')).toEqual(Object.keys(roleGrants).map((role) => `create role ${role} nologin;`));
});

const hasSystemd = spawnSync('systemd-analyze', ['--version'], { stdio: 'ignore' }).status === 0;

test.runIf(hasSystemd)(
  `systemd accepts the unit files${hasSystemd ? '' : ' (not run: this machine has no systemd-analyze)'}`,
  async () => {
    const directory = await mkdtemp(path.join(tmpdir(), 'taskledger-units-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    for (const unit of units) {
      // A program that is not where the unit says would be an error of this machine, not of the unit.
      await writeFile(path.join(directory, unit), (await unitText(unit)).replace('/usr/bin/node', process.execPath));
    }
    const files = ['taskledger-serve.service', 'taskledger-run@.service'].map((unit) => path.join(directory, unit));
    const judged = spawnSync('systemd-analyze', ['verify', '--recursive-errors=no', ...files], { encoding: 'utf8' });
    expect([judged.status, ours(judged.stderr)]).toEqual([0, []]);
  },
);

test('a runner has longer to stop than its attempts have to finish, and is the only one told to stop', async () => {
  const unit = await unitText('taskledger-run@.service');
  const minutes = (pattern: RegExp): number => Number(pattern.exec(unit)?.[1]);
  expect(minutes(/^TimeoutStopSec=(\d+)min$/m)).toBeGreaterThan(minutes(/--drain (\d+)m /));
  expect(unit).toMatch(/^KillMode=mixed$/m);
});

/** Complaints about our units; other units of the machine have faults of their own. */
function ours(stderr: string): string[] {
  return stderr.split('\n').filter((line) => line.includes('taskledger'));
}

async function unitText(unit: string): Promise<string> {
  return await readFile(path.join(repositoryRoot, 'examples/systemd', unit), 'utf8');
}
