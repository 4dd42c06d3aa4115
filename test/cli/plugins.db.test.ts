import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { manifest, pluginsDirectory, putManifest, putVersion } from '../runner/plugins/plugin-files.ts';
import { testLedger } from '../support/ledger.ts';
import { runCli } from './run-cli.ts';

test('plugins check loads what manifests name in their own runtimes, and tells every problem with its place', async () => {
  const plugins = await pluginsDirectory();
  const place = path.dirname(await putVersion(plugins, '2.3.0'));
  const env = { TOKEN: { fromEnv: 'PLUGIN_TOKEN' } };
  const right = await runCli(['plugins', 'check', plugins, '--json']);
  expect({ status: right.status, stderr: right.stderr }).toEqual({ status: 0, stderr: '' });
  expect(right.objects()).toMatchObject([
    { plugin: 'payouts', version: '2.3.0', runtime: 'node', tasks: ['payouts.settle'], usable: true },
  ]);

  await writeFile(
    path.join(place, 'tasks.mjs'),
    'export const settle = 1; if (process.env.TOKEN) throw new Error(`no ${process.env.TOKEN}`);',
  );
  await putManifest(plugins, 'statements', {
    ...manifest({ plugin: 'statements', runtime: 'python', env }),
    tasks: {
      'statements.make': { function: 'no_such_module:make' },
      'statements.json': { function: 'json:no_such_function' },
      'statements.load': { function: 'json:loads' },
    },
  });
  await putManifest(plugins, 'archive', {
    ...manifest({
      plugin: 'archive',
      runtime: 'exec',
      command: ['no-such-program', 'x'],
      tasks: { 'archive.make': {} },
    }),
  });
  await putManifest(plugins, 'wrong', manifest({ plugin: 'wrong', tasks: { 'wrong.task': { function: 'a' } } }));
  const secret = 'correct-horse-battery';
  const wrong = await runCli(['plugins', 'check', plugins], { env: { PLUGIN_TOKEN: secret } });
  expect(wrong.status).toBe(1);
  for (const told of [
    /payouts +2\.3\.0 +node +no +payouts\.settle/,
    /archive\/taskledger\.plugin\.json: command\[0\]: expected a program this user can execute; found "no-such-program"/,
    /wrong\/taskledger\.plugin\.json: tasks\["wrong\.task"\]\.function: expected a module and what it exports/,
    /payouts-2\.3\.0\/.*"tasks\.mjs#settle" to load; found .*a number/,
    /statements\/.*"no_such_module:make" to load; found ModuleNotFoundError: No module named 'no_such_module'/,
    /statements\/.*"json:no_such_function" to load; found module json has no function no_such_function/,
  ]) {
    expect(wrong.stdout).toMatch(told);
  }
  expect(wrong.stdout).not.toContain('json:loads');

  // What fails while it is loaded may quote a secret.
  await rm(path.join(plugins, 'statements'), { recursive: true });
  await putManifest(plugins, 'payouts-2.3.0', manifest({ env }));
  const quoting = await runCli(['plugins', 'check', plugins], { env: { PLUGIN_TOKEN: secret } });
  expect(quoting.stdout).toContain('Error: no ***');
  expect(quoting.stdout + quoting.stderr).not.toContain(secret);

  const unset = await runCli(['plugins', 'check', plugins, '--json']);
  expect(unset.objects()).toContainEqual({
    problem: expect.objectContaining({ path: 'env.TOKEN', found: 'no such variable' }),
  });
  const nothing = await runCli(['plugins', 'check', path.join(plugins, 'payouts-2.3.0/none'), '--json']);
  expect({ status: nothing.status, ...nothing.error() }).toMatchObject({
    status: 2,
    error: 'TASKLEDGER_PLUGINS_INVALID',
  });
});

test('who submits what nobody takes is told so, and finds it again', async () => {
  const t = await testLedger();
  const submitted = await runCli(['submit', 'payouts.settle', '--input', '1', '--plugin', '^3', '--json'], {
    url: t.url,
  });
  const why = 'no runner offers payouts.settle@^3 at any site that works for ams';
  expect(submitted.status).toBe(0);
  expect(JSON.parse(submitted.stderr)).toEqual({ warning: `${why}. The task waits until one does` });
  const [{ id } = {}] = submitted.objects();
  const [listed, shown, status] = await Promise.all([
    runCli(['list', '--unoffered'], { url: t.url }),
    runCli(['show', String(id), '--json'], { url: t.url }),
    runCli(['site', 'status', '--json'], { url: t.url }),
  ]);
  expect(listed.stdout).toContain(`N${why.slice(1)}.`);
  expect(shown.objects()).toMatchObject([{ state: 'pending', plugin: '^3', unoffered: why }]);
  expect(status.objects()).toMatchObject([{ unoffered: [{ name: 'payouts.settle', plugin: '^3', tasks: 1, why }] }]);
  const refused = await runCli(['submit', 'a', '--input', '1', '--plugin', 'latest', '--json'], { url: t.url });
  expect({ status: refused.status, ...refused.error() }).toMatchObject({
    status: 2,
    error: 'TASKLEDGER_INVALID_OPTION',
  });
});

test('submit with a directory of plugins records what the manifest says of the task', async () => {
  const t = await testLedger();
  const plugins = await pluginsDirectory();
  const task = { queue: 'payouts', retry: { attempts: 5 }, timeout: '2h', protected: true };
  await putVersion(plugins, '1.0.0', task);
  const submitted = await runCli(['submit', 'payouts.settle', '--input', '1', '--plugins', plugins, '--json'], {
    url: t.url,
  });
  const state = await t.ledger.get(String(submitted.objects()[0]?.['id']));
  expect(state).toMatchObject({ queue: 'payouts', attempts: 5, timeout_ms: 7_200_000, protected: true });
});
