import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { LedgerError } from '../../../src/errors.ts';
import type { Handler } from '../../../src/ledger/define-task.ts';
import { InstalledPlugins } from '../../../src/runner/plugins/installed-plugins.ts';
import { problemText } from '../../../src/runner/plugins/manifest-problem.ts';
import { manifest, pluginsDirectory, putManifest } from './plugin-files.ts';

async function installing() {
  const directory = await pluginsDirectory();
  const installed = new InstalledPlugins([directory], { taken: ['own.task'] });
  const read = async () => {
    const { added, removed, problems } = await installed.read();
    return { added, removed, problems: problems.map((problem) => problemText(problem).replaceAll(directory, 'DIR')) };
  };
  const versions = (): string[] => installed.plugins.map(({ version }) => version).sort();
  return { directory, installed, read, versions };
}

const nothing = { added: [], removed: [], problems: [] };

test('several versions of a plugin are installed side by side, below a directory or in it', async () => {
  const { directory, read, versions } = await installing();
  await putManifest(directory, '.', manifest({ version: '1.0.0' }));
  await putManifest(directory, 'two', manifest({ version: '2.0.0' }));
  await putManifest(directory, '.prepared', manifest({ version: '3.0.0' }));
  await putManifest(directory, 'two/deeper', manifest({ version: '4.0.0' }));
  expect(await read()).toMatchObject({ problems: [] });
  expect(versions()).toEqual(['1.0.0', '2.0.0']);
});

test('what has not changed stays the very same, so that its warm processes do', async () => {
  const { directory, installed, read } = await installing();
  await putManifest(directory, 'a', manifest());
  await read();
  const before = installed.plugins[0];
  expect(await read()).toEqual(nothing);
  expect(installed.plugins[0]).toBe(before);
});

test('a manifest that is broken leaves its plugin as it was, and the others go on to what is new', async () => {
  const { directory, installed, read } = await installing();
  await putManifest(directory, 'a', manifest({ plugin: 'a', tasks: { a: { function: 'a.mjs#a' } } }));
  await putManifest(directory, 'b', manifest({ plugin: 'b', tasks: { b: { function: 'b.mjs#b' } } }));
  await read();
  await putManifest(directory, 'a', '{"plugin": "a",');
  await putManifest(directory, 'b', manifest({ plugin: 'b', version: '3.0.0', tasks: { b: { function: 'b.mjs#b' } } }));
  const { added, removed, problems } = await read();
  expect({ added, removed }).toEqual({ added: ['b@3.0.0'], removed: ['b@2.3.0'] });
  expect(problems).toEqual([expect.stringContaining('DIR/a/taskledger.plugin.json: expected JSON')]);
  expect(installed.plugins.map(({ name, version }) => `${name}@${version}`).sort()).toEqual(['a@2.3.0', 'b@3.0.0']);
});

test('one that is gone is offered no more', async () => {
  const { directory, read, versions } = await installing();
  await putManifest(directory, 'a', manifest());
  await read();
  await rm(path.join(directory, 'a'), { recursive: true });
  expect(await read()).toEqual({ ...nothing, removed: ['payouts@2.3.0'] });
  expect(versions()).toEqual([]);
});

test('a directory that cannot be read takes nothing away', async () => {
  const { directory, read, versions } = await installing();
  await putManifest(directory, 'a', manifest());
  await read();
  await rename(directory, `${directory}.away`);
  const { problems } = await read();
  await rename(`${directory}.away`, directory);
  expect(problems.join('\n')).toContain('expected a directory of plugins at DIR; found none that can be read (ENOENT)');
  expect(versions()).toEqual(['2.3.0']);
});

test('of two that cannot be together the newcomer is refused', async () => {
  const { directory, installed, read } = await installing();
  await putManifest(directory, 'b', manifest());
  await read();
  await putManifest(directory, 'a', manifest({ tasks: { other: { function: 'a.mjs#a' } } }));
  await putManifest(directory, 'c', manifest({ plugin: 'thief', version: '9.0.0' }));
  await putManifest(directory, 'd', manifest({ plugin: 'own', tasks: { 'own.task': { function: 'a.mjs#a' } } }));
  const { problems } = await read();
  expect(problems).toEqual([
    expect.stringMatching(
      /^DIR\/a\/.*: version: expected another version; found payouts@2\.3\.0, which is also DIR\/b/,
    ),
    expect.stringMatching(/^DIR\/c\/.*: tasks\["payouts\.settle"\]: .*one of plugin payouts, in DIR\/b/),
    expect.stringMatching(/^DIR\/d\/.*: tasks\["own\.task"\]: .*one of a handlers module of this runner/),
  ]);
  expect(installed.plugins.map(({ file }) => path.basename(path.dirname(file)))).toEqual(['b']);
});

test('a link may point at a version; the same one found by two ways counts once', async () => {
  const { directory, installed, read } = await installing();
  await putManifest(directory, 'v1', manifest());
  await symlink('v1', path.join(directory, 'current'));
  expect(await read()).toMatchObject({ added: ['payouts@2.3.0'], problems: [] });
  // Paths in a manifest are those of the version, not of the link: that will be moved while attempts run.
  expect(path.basename(installed.plugins[0]?.directory ?? '')).toBe('v1');
});

test('secrets come from the environment and from files, and are nowhere but in what is given to the processes', async () => {
  const { directory, installed, read } = await installing();
  const env = { MODE: 'production', HOMES: { fromEnv: 'HOME' }, TOKEN: { fromFile: 'secrets/token' } };
  await putManifest(directory, 'a', manifest({ env }));
  await mkdir(path.join(directory, 'a/secrets'));
  await writeFile(path.join(directory, 'a/secrets/token'), 'one secret\n');
  expect(await read()).toMatchObject({ problems: [] });
  const [first] = installed.plugins;
  expect(first?.env).toEqual({ MODE: 'production', HOMES: process.env['HOME'], TOKEN: 'one secret' });
  await writeFile(path.join(directory, 'a/secrets/token'), 'another secret\n');
  expect(await read()).toMatchObject({ added: ['payouts@2.3.0'], removed: ['payouts@2.3.0'] });
  expect(installed.plugins[0]?.env['TOKEN']).toBe('another secret');
  // A new secret is not a new manifest.
  expect(installed.plugins[0]?.digest).toBe(first?.digest);
});

test('a secret that is not there is a problem of the manifest that names it', async () => {
  const { directory, read } = await installing();
  const env = { A: { fromEnv: 'TASKLEDGER_TEST_NO_SUCH' }, B: { fromFile: 'none' } };
  await putManifest(directory, 'a', manifest({ env }));
  const { problems } = await read();
  expect(problems).toEqual([
    expect.stringMatching(
      /env\.A: expected the runner's environment to have TASKLEDGER_TEST_NO_SUCH; found no such variable/,
    ),
    expect.stringMatching(
      /env\.B: expected a file this user can read at DIR\/a\/none; found that reading it fails \(ENOENT\)/,
    ),
  ]);
});

test('what cannot be run here is refused with its reason, and what it was before stays', async () => {
  const directory = await pluginsDirectory();
  const refused = new LedgerError('TASKLEDGER_LIMIT_NOT_HELD', {
    expected: 'a machine that holds it',
    found: 'another one',
    remedy: 'Do not require it',
  });
  const admit = (handlers: readonly Handler[]): Promise<void> =>
    handlers.some(({ isolation }) => isolation?.limits !== undefined) ? Promise.reject(refused) : Promise.resolve();
  const installed = new InstalledPlugins([directory], { admit });
  await putManifest(directory, 'a', manifest());
  expect(await installed.read()).toMatchObject({ problems: [] });
  const limited = { function: 'tasks.mjs#settle', limits: { memory: '64MB', required: ['memory'] } };
  const file = await putManifest(directory, 'a', manifest({ version: '2.4.0', tasks: { 'payouts.settle': limited } }));
  const { added, removed, problems } = await installed.read();
  expect({ added, removed }).toEqual({ added: [], removed: [] });
  expect(problems.map(problemText)).toEqual([
    `${file}: expected a machine that holds it; found another one. Do not require it.`,
  ]);
  expect(installed.plugins.map(({ version }) => version)).toEqual(['2.3.0']);
});
