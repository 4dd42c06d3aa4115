import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { Progress } from '../../../src/ledger/progress.ts';
import { repositoryRoot } from '../../support/repository.ts';
import { pluginHandler, python } from './python-behaviours.ts';
import { processStart, pythonLevels, runBehaviour, runHandler, testExecutions } from './run-attempt.ts';

/** What Python alone does; everything else is in levels and process-faults. */

interface Itself {
  readonly pid: number;
  readonly cwd: string;
  readonly tmpdir: string;
}

describe.each(pythonLevels)('%s', (level) => {
  test.each(['nan', 'huge', 'surrogate', 'moment', 'set', 'deep'])(
    'an output with %s in it is refused',
    async (input) => {
      expect(await runBehaviour('unstorable', { level, input })).toMatchObject({ error: { code: 'INVALID_OUTPUT' } });
    },
  );

  test('a KeyboardInterrupt ends the process, as it ends any', async () => {
    const { error, report } = await runBehaviour('interrupted', { level });
    expect([error.code, report.exit_signal]).toEqual(['CHILD_SIGNALED', 'SIGINT']);
  });

  test.each(['returns', 'raises', 'exits'])(
    'a copy that the handler forked and that %s says nothing',
    async (input) => {
      const told: Progress[] = [];
      const ran = await runBehaviour('forks', { level, input, onProgress: (progress) => told.push(progress) });
      expect(ran).toMatchObject({ kind: 'completed', output: { status: input === 'raises' ? 256 : 0 } });
      expect(told).toEqual([]);
    },
  );

  test('a report that cannot be sent is left out, and no failure', async () => {
    const told: Progress[] = [];
    const ran = await runBehaviour('reports.nonsense', { level, onProgress: (progress) => told.push(progress) });
    expect([ran.kind, ran.output]).toEqual(['completed', 'done']);
    expect(told).toMatchObject([{ message: 'still heard' }]);
    expect(ran.report.log_tail?.join('\n')).toContain('$ is a Decimal, not plain JSON');
  });

  test('no text fails to be printed', async () => {
    const { report } = await runBehaviour('prints.strangely', { level });
    expect(report.log_tail?.[0]).toContain(' info stdout unfinished \\ud800');
  });

  test.each([
    ['no_such_module:f', /no_such_module to load; found ModuleNotFoundError/],
    ['broken_module:f', /broken_module to load; found RuntimeError: not today/],
    ['behaviours:no_such', /behaviours:no_such to be a function; found no such name/],
    ['behaviours:here', /behaviours:here to be a function; found a _local/],
  ])('a function that is not there (%s) fails its attempts with what is wrong', async (name, message) => {
    const handler = pluginHandler('p', { function: name }, level === 'python pool' ? 'pool' : 'process');
    const { error } = await runHandler(handler);
    expect([error.code, error['name'], error['message']]).toEqual([
      'MODULE_FAILED',
      'LedgerError',
      expect.stringMatching(message),
    ]);
  });
});

test('a child is used again, with a directory of its own for each attempt', async () => {
  const executions = testExecutions();
  const itself = async (): Promise<Itself> =>
    (await runBehaviour('is.itself', { level: 'python pool', executions })).output as Itself;
  const [first, second] = [await itself(), await itself()];
  expect(second.pid).toBe(first.pid);
  expect(second.cwd).not.toBe(first.cwd);
  expect([first.tmpdir, second.tmpdir]).toEqual([first.cwd, second.cwd]);
});

test('a child in which an attempt left a thread goes with it, and the log says so', async () => {
  const executions = testExecutions();
  const { output, report } = await runBehaviour('leaves.a.thread', { level: 'python pool', executions });
  expect(processStart((output as Itself).pid)).toBeUndefined();
  expect(report.log_tail?.join('\n')).toContain('the attempt left threads running: left');
});

test('the tests of the Python package pass', async () => {
  const directory = path.join(repositoryRoot, 'runtimes/python');
  const args = ['-W', 'error', '-m', 'unittest', 'discover', '-s', 'tests', '-t', 'tests'];
  const { stderr } = await promisify(execFile)(python, args, {
    cwd: directory,
    env: { PYTHONPATH: path.join(directory, 'src') },
    timeout: 20_000,
  });
  expect(stderr).toMatch(/Ran [1-9]\d* tests in .*\n\nOK/);
});
