import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, onTestFinished, test } from 'vitest';
import { manifest, pluginsDirectory, putManifest } from '../runner/plugins/plugin-files.ts';
import { testLedger } from '../support/ledger.ts';
import { runCli, spawnCli } from './run-cli.ts';

/** Puts a plugin there whose task `shell.run` runs a line of shell: it starts at once, and needs no package. */
async function putShell(directory: string, version: string, line: string, task: object = {}): Promise<void> {
  const tasks = { 'shell.run': { retry: { attempts: 1 }, ...task } };
  const command = ['/bin/sh', '-c', line];
  await putManifest(
    directory,
    `shell-${version}`,
    manifest({ plugin: 'shell', version, runtime: 'exec', command, tasks }),
  );
}

async function shellDirectory(line = 'true', task = {}): Promise<string> {
  const directory = await pluginsDirectory();
  await putShell(directory, '1.0.0', line, task);
  return directory;
}

interface RunProcess {
  readonly child: ChildProcess;
  /** Resolves with the first line of its log not handed out yet that is of this signal. */
  next(signal: string): Promise<Record<string, unknown>>;
}

/** `taskledger run`, killed when the test ends. */
function startRun(url: string, ...args: string[]): RunProcess {
  const child = spawnCli(['run', ...args], { url });
  const exited = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await exited;
  });
  const lines = createInterface({ input: child.stderr! })[Symbol.asyncIterator]();
  const next = async (signal: string): Promise<Record<string, unknown>> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done === true) throw new Error(`the runner ended without saying ${signal}`);
      const told = value.startsWith('{') ? (JSON.parse(value) as Record<string, unknown>) : {};
      if (Object.values(told).includes(signal)) return told;
    }
  };
  return { child, next };
}

test('run --explain-limits tells what holds each limit, and needs no database', async () => {
  const plugins = await shellDirectory('true', { limits: { memory: '64MB' } });
  const explain = ['run', '--plugins', plugins, '--explain-limits', '--limit', 'output=1KB', 'memory=2GB'];
  const json = await runCli([...explain, '--json']);
  expect({ status: json.status, stderr: json.stderr }).toEqual({ status: 0, stderr: '' });
  expect(json.objects()).toMatchObject([
    {
      layers: expect.arrayContaining(['process limits']),
      handlers: [
        {
          name: 'shell.run',
          isolation: 'process',
          limits: [
            // Of the manifest's and the operator's the lower one.
            { limit: 'memory', value: '64MB', by: expect.any(String) },
            { limit: 'output', value: '1KB', by: 'the runner, which reads it', firm: true },
          ],
        },
      ],
    },
  ]);
  const text = await runCli(explain);
  expect(text.stdout).toMatch(/^This machine offers: .*process limits/);
  expect(text.stdout).toMatch(
    /shell\.run {2}process\n {2}memory +64MB +.+\n {2}output +1KB +the runner, which reads it/,
  );
});

test('run --require keeps the runner from starting where only looking would hold a limit, and says which', async () => {
  const t = await testLedger();
  const plugins = await pluginsDirectory();
  // Nothing else holds all files of a warm process together, on any machine.
  const task = { function: 'tasks.mjs#settle', isolation: 'pool' };
  await putManifest(plugins, 'warm', manifest({ tasks: { 'payouts.settle': task } }));
  const limited = ['run', '--plugins', plugins, '--limit', 'disk=10MB', '--json'];
  expect(await runCli([...limited, '--explain-limits'])).toMatchObject({ status: 0, stderr: '' });
  for (const more of [['--explain-limits'], []]) {
    const refused = await runCli([...limited, '--require', 'disk', ...more], { url: t.url });
    const said = refused.stderr.trimEnd().split('\n').at(-1) ?? '';
    expect({ status: refused.status, ...(JSON.parse(said) as object) }).toMatchObject({
      status: 2,
      error: 'TASKLEDGER_LIMIT_NOT_HELD',
      message: expect.stringContaining('disk 10MB of payouts.settle by'),
    });
  }
  const unlimited = await runCli(['run', '--plugins', plugins, '--require', 'disk', '--json'], { url: t.url });
  expect({ status: unlimited.status, ...unlimited.error() }).toMatchObject({
    status: 2,
    message: expect.stringContaining('disk is not limited'),
  });
});

test('run --limit caps what each attempt uses; the lease event says so, and the failure names it', async () => {
  const t = await testLedger();
  const runner = startRun(t.url, '--plugins', await shellDirectory('yes'), '--limit', 'output=1KB');
  expect(await runner.next('runner.limits')).toMatchObject({
    held: ['shell.run: output 1KB by the runner, which reads it'],
  });
  const { id } = await t.ledger.submit('shell.run', null, { retry: { attempts: 1 } });
  await t.ledger.result(id, { timeoutMs: 20_000 }).catch(() => undefined);
  const history = await runCli(['history', id, '--json'], { url: t.url });
  expect(history.objects()).toMatchObject([
    { type: 'task.submitted' },
    { type: 'task.leased', data: { plugin: 'shell@1.0.0', limits: { output: '1KB' } } },
    { type: 'task.failed', data: { error: { code: 'OUTPUT_LIMIT' } } },
  ]);
});

test('SIGHUP makes it read its plugins again at once, and new attempts are run by what is new', async () => {
  const t = await testLedger();
  const plugins = await shellDirectory();
  const runner = startRun(t.url, '--plugins', plugins);
  await runner.next('plugins.installed');
  await runner.next('runner.started');
  // Nothing has changed, so only somebody who asked is told.
  runner.child.kill('SIGHUP');
  expect(await runner.next('plugins.installed')).toMatchObject({ added: [], removed: [], problems: 0 });

  await putShell(plugins, '2.0.0', 'true', { limits: { output: '1MB' } });
  runner.child.kill('SIGHUP');
  expect(await runner.next('plugins.installed')).toMatchObject({ added: ['shell@2.0.0'], problems: 0 });
  const { id } = await t.ledger.submit('shell.run', null);
  await t.ledger.result(id, { timeoutMs: 20_000 });
  expect(await t.ledger.get(id)).toMatchObject({ run_by: 'shell@2.0.0' });
  // No task had limits when it started.
  expect((await t.ledger.history(id))[1]).toMatchObject({ data: { limits: { output: '1MB' } } });

  // A limit that no machine holds, and that is always required.
  await putShell(plugins, '3.0.0', 'true', { limits: { user: 'no-such-user-here' } });
  runner.child.kill('SIGHUP');
  expect(await runner.next('plugins.refused')).toMatchObject({
    reason: expect.stringMatching(/shell-3\.0\.0\/.*no-such-user-here of shell\.run by nothing/),
  });
  const later = await t.ledger.submit('shell.run', null);
  await t.ledger.result(later.id, { timeoutMs: 20_000 });
  expect(await t.ledger.get(later.id)).toMatchObject({ run_by: 'shell@2.0.0' });
});
