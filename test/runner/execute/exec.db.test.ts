import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Progress } from '../../../src/ledger/progress.ts';
import { repositoryRoot } from '../../support/repository.ts';
import { pluginHandler } from './python-behaviours.ts';
import { processStart, runHandler, stopOnceBegun, type Ran } from './run-attempt.ts';

/** Programs that know nothing of the protocol: behaviours.sh. */
type Options = Parameters<typeof runHandler>[1];

function runProgram(name: string, argument = '', options: Options = {}): Promise<Ran> {
  const command = ['./behaviours.sh', name, argument];
  return runHandler(pluginHandler('behaves.program', { runtime: 'exec', command, path: [] }), options);
}

test('a program finds its task in files, variables and arguments, and its output is kept', async () => {
  const lease = { attempt: 2, epoch: 3, version: 9, checkpoint: { page: 7 } };
  const ran = await runProgram('tells', '{input.file.name}@{attempt}', {
    input: { file: { name: 'ü ; $(x)' } },
    lease,
  });
  const { cwd, input, ...output } = ran.output as Record<string, string>;
  expect([ran.kind, output]).toEqual([
    'completed',
    {
      argument: 'ü ; $(x)@2',
      task: 't behaves.program',
      attempt: '2 3.9 2026-01-01T00:00:00.000Z',
      checkpoint: { page: 7 },
    },
  ]);
  expect(path.dirname(input!)).toBe(cwd);
  expect(existsSync(cwd!)).toBe(false);
  const given = { n: [1.5, 'ü\u2028'] };
  expect((await runProgram('repeats', '', { input: given })).output).toEqual(given);
});

test('exit code 0 without an output file is success without an output', async () => {
  expect(await runProgram('nothing')).toMatchObject({ kind: 'completed', output: null, report: {} });
});

test('an exit code from 1 to 125 is the program’s word that it failed, with what it printed last', async () => {
  const ran = await runProgram('exits', '3', { submitted: { protected: true } });
  expect([ran.kind, ran.error.code, ran.report.exit_code]).toEqual(['retry', 'PROGRAM_FAILED', 3]);
  expect(ran.error['message']).toBe('the program ended with exit code 3: no such account');
  expect(ran.report.log_tail?.join('\n')).toMatch(/stdout all is well\n.*stderr no such account/);
});

test('I9: a protected task whose program was ended by a signal, also inside a shell, is in doubt', async () => {
  const submitted = { protected: true } as const;
  expect(await runProgram('exits', '137', { submitted })).toMatchObject({ kind: 'in_doubt' });
  expect(await runProgram('dies', '', { submitted })).toMatchObject({ kind: 'in_doubt' });
  expect((await runProgram('exits', '137')).error.code).toBe('CHILD_EXITED');
  expect((await runProgram('dies')).error.code).toBe('CHILD_SIGNALED');
});

test.each([
  ['no JSON', 'writes', '{'],
  ['nothing', 'writes', ''],
  ['a key twice', 'writes', '{"amount":1,"amount":2}'],
  ['a number beyond what is exact', 'writes', '9007199254740993'],
  ['too much', 'floods', ''],
  ['a link to what the runner can read', 'links', path.join(repositoryRoot, 'package.json')],
  ['a pipe', 'pipes', ''],
])('an output file with %s is refused', async (_what, name, argument) => {
  expect(await runProgram(name, argument)).toMatchObject({ kind: 'retry', error: { code: 'INVALID_OUTPUT' } });
});

test('a program reports on descriptor 3: progress, checkpoints that are answered, and whether to try again', async () => {
  const told: Progress[] = [];
  const ran = await runProgram('saves', '', { onProgress: (progress) => told.push(progress) });
  expect(told).toEqual([{ fraction: 0.5, message: 'half' }, { checkpoint: { page: 7 } }]);
  expect(ran.output).toEqual({ kind: 'recorded', id: 1 });
  expect(await runProgram('gives-up', 'never')).toMatchObject({ kind: 'failed', error: { code: 'PROGRAM_FAILED' } });
  expect(await runProgram('gives-up', '10m')).toMatchObject({ kind: 'retry', retryInMs: 600_000 });
});

test.each(['hello', '{"fraction":"half"}', '{"kind":"completed","output":1}', '{"retry":"soon"}'])(
  'nothing is believed of a program that reports %s',
  async (argument) => {
    expect(await runProgram('babbles', argument)).toMatchObject({ kind: 'retry', error: { code: 'PROTOCOL_BROKEN' } });
  },
);

test('a program that is to stop gets SIGTERM at once, and what it says then is not taken', async () => {
  const stopped = (name: string, reason: 'abort' | 'timeout' | 'lease lost', submitted = {}): Promise<Ran> =>
    runProgram(name, '', { onProgress: stopOnceBegun(reason), submitted });
  expect(await stopped('obeys', 'abort')).toMatchObject({ kind: 'aborted', report: { killed: 'term' } });
  expect(await stopped('obeys', 'timeout')).toMatchObject({ kind: 'retry', error: { code: 'TIMEOUT' } });
  expect(await stopped('obeys', 'abort', { protected: true })).toMatchObject({ kind: 'in_doubt' });
  expect(await stopped('ignores', 'abort')).toMatchObject({ kind: 'aborted', report: { killed: 'kill' } });
});

test('what a program leaves running is gone when its attempt has ended', async () => {
  const { kind, output, report } = await runProgram('leaves');
  expect(kind).toBe('completed');
  expect(processStart(output as number)).toBeUndefined();
  expect(report.log_tail?.at(-1)).toContain('killed what the attempt had left running');
});

describe.each([
  ['without limits', {}],
  ['within limits', { limits: { files: 100 } }],
])('%s', (_held, limits) => {
  test.each([
    ['is not there', './no-such-program', 'PROGRAM_NOT_FOUND', 'ENOENT'],
    ['is not on the PATH', 'no-such-program', 'PROGRAM_NOT_FOUND', 'ENOENT'],
    ['nobody may execute', 'a.txt', 'PROGRAM_NOT_EXECUTABLE', 'EACCES'],
    ['has an interpreter that is not there', 'b.txt', 'PROGRAM_NOT_EXECUTABLE', 'ENOENT'],
  ])('a program that %s is a failure before anything is started', async (_what, name, code, cause) => {
    const directory = mkdtempSync(path.join(tmpdir(), 'taskledger-programs-'));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    writeFileSync(path.join(directory, 'a.txt'), 'not a program', { mode: 0o644 });
    writeFileSync(path.join(directory, 'b.txt'), '#!/no/such/interpreter\n', { mode: 0o755 });
    const command = [name.endsWith('.txt') ? path.join(directory, name) : name];
    const handler = pluginHandler('behaves.program', { runtime: 'exec', command, path: [], ...limits });
    const { error } = await runHandler(handler);
    expect(error).toMatchObject({ code, cause: { message: expect.stringContaining(cause) } });
  });
});

test('an argument that would be an option is a failure before anything is started', async () => {
  expect(await runProgram('exits', '{input.code}', { input: { code: '--help' } })).toMatchObject({
    kind: 'failed',
    error: {
      code: 'INVALID_INPUT',
      details: { issues: [{ path: '$.code', problem: expect.stringContaining('dash') }] },
    },
  });
});

/** Node with what a manifest names: a plain function, or a handler with what its definition says. */
const nodePlugin = (
  name: string,
  exported: string,
  level: 'process' | 'pool' = 'process',
): ReturnType<typeof pluginHandler> =>
  pluginHandler(name, { runtime: 'node', command: [], path: [], function: `plugin-functions.mjs#${exported}` }, level);

test.each(['process', 'pool'] as const)('a plain function of a module is a handler: %s', async (level) => {
  const ran = await runHandler(nodePlugin('plugin.adds', 'adds', level), { input: [1, 2] });
  expect(ran).toMatchObject({ kind: 'completed', output: { sum: 3, task: 'plugin.adds' } });
});

test('a handler that a plugin exports brings its schemas and its policy', async () => {
  expect(await runHandler(nodePlugin('plugin.typed', 'typed'), { input: 1 })).toMatchObject({ output: 'n=1' });
  expect(await runHandler(nodePlugin('plugin.typed', 'typed'), { input: 'one' })).toMatchObject({
    kind: 'failed',
    error: { code: 'INVALID_INPUT' },
  });
  expect(await runHandler(nodePlugin('plugin.typed', 'typed'), { input: 0 })).toMatchObject({
    kind: 'failed',
    error: { code: 'HANDLER_ERROR', name: 'RangeError' },
  });
});

test.each([
  ['plugin.adds', 'none', 'to export none, a function or the handler of plugin.adds; found none'],
  ['plugin.adds', 'typed', 'found the handler of plugin.typed'],
  ['plugin.adds', 'number', 'found a number'],
])('%s cannot be %s', async (name, exported, problem) => {
  const { error } = await runHandler(nodePlugin(name, exported));
  expect(error).toMatchObject({ code: 'MODULE_FAILED', message: expect.stringContaining(problem) });
});
