import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import { MAX_ATTEMPTS, MAX_PRIORITY, MIN_PRIORITY } from '../events/limits.ts';
import { formatPosition } from '../events/position.ts';
import { decodePayload } from '../events/payload.ts';
import type { TaskDefinition } from '../ledger/define-task.ts';
import type { SubmitCall } from '../ledger/submit-calls.ts';
import { submittedJson } from './as-json.ts';
import { connecting, withLedger, type ConnectionOptions } from './connection.ts';
import { duration, integer, momentOption } from './parse-options.ts';
import { readGivenFile, readInput } from './read-input.ts';
import { submitLines } from './submit-lines.ts';
import { openTerminal } from './terminal.ts';
import { warnUnoffered } from './warn-unoffered.ts';

interface SubmitCommandOptions extends ConnectionOptions {
  readonly input?: string;
  readonly inputs?: string;
  readonly key?: string;
  readonly queue?: string;
  readonly group?: string;
  readonly plugin?: string;
  readonly priority?: number;
  readonly startAfter?: Date;
  readonly startBefore?: Date;
  readonly deadline?: Date;
  readonly attempts?: number;
  readonly timeout?: number;
  readonly protected?: boolean;
  readonly realm?: string;
  readonly plugins?: string[];
}

export function addSubmit(program: Command): void {
  const moment = (option: string) => momentOption(option, systemClock);
  connecting(program.command('submit'))
    .description('record one task, or one for each line of a file: all of them or none')
    .argument('<name>', 'task name, dotted words such as payouts.settle')
    .option('--input <json>', 'the input: JSON, @FILE that holds it, or - for stdin')
    .option('--inputs <file>', 'one task per line of this file (or -): the line is its input, JSON')
    .option('--key <key>', 'idempotency key: the same key and input again answers the first task')
    .option('--queue <queue>', 'queue (default: default)')
    .option('--group <group>', 'whose task it is (a tenant): groups share a queue')
    .option('--plugin <range>', 'only by a plugin whose version is in this range, such as ^2.1')
    .option(
      '--priority <n>',
      'larger first, -100 to 100 (default: 0)',
      integer('--priority', MIN_PRIORITY, MAX_PRIORITY),
    )
    .option(
      '--start-after <time>',
      'not before: a time with its offset, or 2h for in two hours',
      moment('--start-after'),
    )
    .option('--start-before <time>', 'missed unless started by then', moment('--start-before'))
    .option('--deadline <time>', 'failed unless started by then, whatever attempts are left', moment('--deadline'))
    .option('--attempts <n>', 'attempts in all (default: 3)', integer('--attempts', 1, MAX_ATTEMPTS))
    .option('--timeout <duration>', 'wall time of one attempt, such as 30s or 2h', duration('--timeout'))
    .option('--protected', 'never start it a second time on its own')
    .option(
      '--plugins <dir...>',
      'what else is recorded (queue, retries, protection …) is what its manifest there says',
    )
    .option('--realm <realm>', 'realm (default: that of this site)')
    .action(submit);
}

async function submit(name: string, options: SubmitCommandOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  requireOneSource(options);
  const call = callOf(options);
  const task = options.plugins === undefined ? name : await taskOfPlugins(name, options.plugins);
  if (options.inputs !== undefined) {
    await submitLines(task, options.inputs, { call, url: options.url, terminal });
    return;
  }
  const input = decodePayload(await inputText(options.input), `the input of ${name.slice(0, 60)}`);
  await withLedger(options, terminal, async (ledger) => {
    const submitted = await ledger.submit(task, input, call);
    const { id, created } = submitted;
    if (terminal.json) terminal.object(submittedJson(submitted));
    else if (created) terminal.line(`Submitted ${name} as ${id} at ${formatPosition(submitted)}.`);
    else terminal.line(`Already there: ${name} with this key is ${id} at ${formatPosition(submitted)}.`);
    if (created) await warnUnoffered(ledger, task, call, terminal);
  });
}

/** @throws LedgerError TASKLEDGER_PLUGINS_INVALID, also when none of them offers it */
async function taskOfPlugins(name: string, directories: readonly string[]): Promise<TaskDefinition> {
  const { tasksOfPlugins } = await import('../runner/plugins/tasks-of-plugins.ts');
  const tasks = await tasksOfPlugins(...directories);
  const task = tasks.get(name);
  if (task !== undefined) return task;
  throw new LedgerError('TASKLEDGER_PLUGINS_INVALID', {
    expected: `a plugin that offers ${name.slice(0, 60)} in ${directories.join(', ')}`,
    found: `only ${[...tasks.keys()].slice(0, 10).join(', ')}`,
    remedy: 'Correct the name or the directory, or leave --plugins out',
  });
}

function callOf(options: SubmitCommandOptions): SubmitCall {
  const { key, queue, group, plugin, priority, startAfter, startBefore, deadline, attempts, timeout, realm } = options;
  return {
    ...(key === undefined ? {} : { key }),
    ...(queue === undefined ? {} : { queue }),
    ...(group === undefined ? {} : { group }),
    ...(plugin === undefined ? {} : { plugin }),
    ...(priority === undefined ? {} : { priority }),
    ...(startAfter === undefined ? {} : { startAfter }),
    ...(startBefore === undefined ? {} : { startBefore }),
    ...(deadline === undefined ? {} : { deadline }),
    ...(attempts === undefined ? {} : { retry: { attempts } }),
    ...(timeout === undefined ? {} : { timeoutMs: timeout }),
    ...(options.protected === true ? { protected: true } : {}),
    ...(realm === undefined ? {} : { realm }),
  };
}

async function inputText(given = 'null'): Promise<string> {
  if (given === '-') return await readInput(process.stdin, 'the input on stdin');
  return given.startsWith('@') ? await readGivenFile(given.slice(1), 'the input') : given;
}

function requireOneSource({ input, inputs, key, url }: SubmitCommandOptions): void {
  const usage = (found: string, remedy: string): LedgerError =>
    new LedgerError('TASKLEDGER_USAGE', { expected: 'one input, or one file of inputs', found, remedy });
  if (input === undefined && inputs === undefined) {
    throw usage('neither', 'Pass --input; a task without input has --input null');
  }
  if (input !== undefined && inputs !== undefined) throw usage('--input and --inputs', 'Leave one of them out');
  if (inputs !== undefined && key !== undefined) {
    throw usage('one --key for many tasks', 'Leave --key out, or submit them one by one');
  }
  if (url === '-' && (input === '-' || inputs === '-')) {
    throw usage('both the URL and the input on stdin', 'Pass the URL by TASKLEDGER_DATABASE_URL or --url @FILE');
  }
}
