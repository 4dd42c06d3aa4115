import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, mkdtemp, readFile, readdir, readlink, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { provideBinaries } from '../../src/postgres/embedded/binaries.ts';
import { temporaryPrefix } from '../../src/postgres/embedded/data-dir.ts';
import { chooseServerAccount } from '../../src/postgres/embedded/server-account.ts';
import { withConnection } from '../support/admin-connection.ts';
import { installCopy, makeReadOnly } from '../support/installed-copy.ts';
import type { InstalledCopy } from '../support/installed-copy.ts';
import { spawnStarter } from '../support/starter-process.ts';
import type { StartedServer, StarterOptions } from '../support/starter-process.ts';

/** Who starts, from where: each in a process of its own, as users do. */

const isRoot = process.geteuid?.() === 0;
const nobody = 65_534;

let place: string;
beforeAll(async () => {
  place = await mkdtemp(join(tmpdir(), 'taskledger test-'));
  await chmod(place, 0o755);
});
afterEach(() => void vi.unstubAllEnvs());
afterAll(async () => {
  await rm(place, { recursive: true, force: true });
});

/** A temporary directory of this test's own, whose path has a space, so that caches are not shared. */
async function freshTmp(): Promise<string> {
  const directory = await mkdtemp(join(place, 'tmp '));
  await chmod(directory, 0o1777);
  return directory;
}

class StartRefused extends Error {
  readonly code: string;
  constructor({ code, message }: { code: string; message: string }) {
    super(message);
    this.code = code;
  }
}

interface Outcome {
  readonly servers: StartedServer[];
  readonly stop: () => Promise<void>;
}

async function startElsewhere(copy: InstalledCopy, options: Partial<StarterOptions> = {}): Promise<Outcome> {
  const then = `process.on('SIGUSR2', async () => {
      await Promise.all(servers.map((server) => server.stop()));
      process.exit(0);
    });
    setInterval(() => undefined, 1_000);`;
  const starter = spawnStarter({ entry: copy.entry, then, ...options });
  onTestFinished(() => void starter.child.kill('SIGKILL'));
  await starter.line();
  const servers = await starter.line<StartedServer[] | { code: string; message: string }>();
  if (!Array.isArray(servers)) throw new StartRefused(servers);
  for (const { url } of servers) await withConnection(url, (client) => client.query('select 1'));
  const stop = async (): Promise<void> => {
    starter.child.kill('SIGUSR2');
    expect(await starter.exited).toEqual([0, null]);
    const temporary = servers.filter(({ dataDir }) => basename(dataDir).startsWith(temporaryPrefix));
    expect(temporary.filter(({ dataDir }) => existsSync(dataDir))).toEqual([]);
  };
  return { servers, stop };
}

const uidOf = (pid: number): number =>
  Number(execFileSync('ps', ['-o', 'uid=', '-p', String(pid)], { encoding: 'utf8' }));
const programOf = async (pid: number): Promise<string> => await readlink(`/proc/${pid}/exe`);

describe.runIf(isRoot)('as root', () => {
  let home: string;
  let copy: InstalledCopy;
  beforeAll(async () => {
    home = join(place, 'private home');
    copy = await installCopy(join(home, 'app'));
    await chmod(home, 0o700);
  });

  test('four at once from a home nobody else may enter: one copy of the programs, run as a system user', async () => {
    const tmp = await freshTmp();
    const two = async (): Promise<Outcome> => await startElsewhere(copy, { servers: 2, tmpdir: tmp });
    const outcomes = await Promise.all([two(), two()]);
    const servers = outcomes.flatMap((outcome) => outcome.servers);
    const account = await chooseServerAccount();
    expect(servers.map(({ pid }) => uidOf(pid))).toEqual(servers.map(() => account?.uid));
    const caches = (await readdir(tmp)).filter((name) => !name.startsWith('taskledger-postgres-'));
    expect(caches).toEqual([expect.stringMatching(/^taskledger-binaries-.*18\.\d+\.\d+.*-0$/)]);
    expect(await programOf(servers[0]?.pid ?? 0)).toBe(join(tmp, caches[0] ?? '', 'native/bin/postgres'));
    await Promise.all(outcomes.map(async ({ stop }) => await stop()));
    expect(await readdir(tmp)).toEqual(caches);
  });

  test('a copy that lost a file is made anew, a whole one is used again', async () => {
    vi.stubEnv('TMPDIR', await freshTmp());
    const account = await chooseServerAccount();
    const { initdb } = await provideBinaries(copy.binaries, account);
    const [share, made] = [join(initdb, '../../share/postgresql/postgres.bki'), (await stat(initdb)).ino];
    expect((await provideBinaries(copy.binaries, account)).initdb).toBe(initdb);
    expect((await stat(initdb)).ino).toBe(made);
    await rm(share);
    expect((await provideBinaries(copy.binaries, account)).initdb).toBe(initdb);
    expect(existsSync(share)).toBe(true);
    expect(await readdir(tmpdir())).toHaveLength(1);
  });

  test('programs that somebody else put where the copy belongs are replaced, never run', async () => {
    vi.stubEnv('TMPDIR', await freshTmp());
    const account = await chooseServerAccount();
    const native = join((await provideBinaries(copy.binaries, account)).initdb, '../..');
    await chown(join(native, '..'), nobody, nobody);
    await provideBinaries(copy.binaries, account);
    expect((await stat(join(native, '..'))).uid).toBe(0);
  });

  test('a data directory that the system user cannot reach is refused with the directory that blocks', async () => {
    const dataDir = join(home, 'data', 'ams');
    await expect(startElsewhere(copy, { options: { dataDir }, tmpdir: await freshTmp() })).rejects.toMatchObject({
      code: 'TASKLEDGER_INVALID_OPTION',
      message: expect.stringMatching(/may not enter .*private home\. .*chmod o\+x '.*private home'/) as string,
    });
    expect(existsSync(join(home, 'data'))).toBe(false);
  });

  test('a temporary place in which only root may write is passed over', async () => {
    const tmp = await freshTmp();
    await chmod(tmp, 0o755);
    const { servers, stop } = await startElsewhere(copy, { tmpdir: tmp });
    expect(servers[0]?.dataDir).toMatch(/^\/var\/tmp\/taskledger-postgres-/);
    await stop();
    const left = (await readdir('/var/tmp')).filter((name) => name.startsWith('taskledger-binaries-'));
    for (const name of left) await rm(join('/var/tmp', name), { recursive: true });
  });

  test('a cluster that a user made is run as that user', async () => {
    const own = join(place, 'owned');
    const reachable = await installCopy(join(place, 'reachable app'));
    await mkdir(own);
    await chown(own, nobody, nobody);
    const dataDir = join(own, 'kept');
    const first = await startElsewhere(reachable, { uid: nobody, options: { dataDir }, tmpdir: await freshTmp() });
    await first.stop();
    await chmod(dataDir, 0o755);
    const second = await startElsewhere(reachable, { options: { dataDir }, tmpdir: await freshTmp() });
    expect(uidOf(second.servers[0]?.pid ?? 0)).toBe(nobody);
    await second.stop();
  });
});

describe('as a user', () => {
  // Tests that run as a user have one already.
  const user = isRoot ? { uid: nobody } : {};

  test('missing library links are made in an installation of one’s own, in a path with spaces', async () => {
    const copy = await installCopy(join(place, 'own app'), isRoot ? nobody : undefined);
    const { servers, stop } = await startElsewhere(copy, { ...user, tmpdir: await freshTmp() });
    expect(await programOf(servers[0]?.pid ?? 0)).toBe(join(copy.binaries, 'native/bin/postgres'));
    expect(servers[0]?.version).toMatch(/^18\./);
    await stop();
  });

  test('missing library links in an installation that may not be written are made in a copy', async () => {
    const copy = await installCopy(join(place, 'read-only app'));
    await makeReadOnly(join(place, 'read-only app'));
    const tmp = await freshTmp();
    const { servers, stop } = await startElsewhere(copy, { ...user, servers: 2, tmpdir: tmp });
    expect(await programOf(servers[0]?.pid ?? 0)).toContain(join(tmp, 'taskledger-binaries-'));
    await stop();
    execFileSync('chmod', ['-R', 'u+w', join(place, 'read-only app')]);
  });

  test.runIf(isRoot)(
    'programs that somebody else put where the copy belongs, and that cannot be replaced, are refused',
    async () => {
      const copy = await installCopy(join(place, 'shared app'));
      const tmp = await freshTmp();
      const { version } = JSON.parse(await readFile(join(copy.binaries, 'package.json'), 'utf8')) as {
        version: string;
      };
      await mkdir(join(tmp, `taskledger-binaries-${basename(copy.binaries)}-${version}-${nobody}`));
      await expect(startElsewhere(copy, { ...user, tmpdir: tmp })).rejects.toMatchObject({
        code: 'TASKLEDGER_NO_POSTGRES_BINARY',
        message: expect.stringMatching(/something there that this user cannot replace/) as string,
      });
      expect((await readdir(tmp)).length).toBe(1);
    },
  );
});
