import type { Command } from 'commander';
import { LedgerError } from '../errors.ts';
import { durationMs } from '../ledger/duration.ts';
import type { Rule, RuleChange, RuleSubject } from '../ledger/rules.ts';
import type { LedgerCalls } from '../open-ledger.ts';
import { connecting, withLedger, type ConnectionOptions } from './connection.ts';
import { durationText } from './duration-text.ts';
import { duration, integer } from './parse-options.ts';
import { printable } from './printable.ts';
import { renderTable } from './render-table.ts';
import { openTerminal, type Terminal } from './terminal.ts';

interface SubjectOptions extends ConnectionOptions {
  readonly task?: boolean;
  readonly group?: boolean;
}

interface SetOptions extends SubjectOptions {
  readonly concurrency?: number | typeof none;
  readonly rate?: { readonly count: number; readonly per: number } | typeof none;
  readonly burst?: number;
  readonly weight?: number;
  readonly ageing?: number;
}

const most = 1_000_000;
/** For no limit. Commander takes null for a value that is missing. */
const none = 'none';

export function addQueue(program: Command): void {
  const queue = program
    .command('queue')
    .description('rules for queues, task names and groups: caps, rates, weights, pauses');
  connecting(queue.command('list'))
    .description('every rule of this site, and how many tasks are leased under it')
    .action((options: ConnectionOptions) => withRules(options, print));
  about(queue.command('set'))
    .description(
      'say how many of its tasks may run at once, how many may begin in a time, what share it gets, and how it ages',
    )
    .option('--concurrency <n>', 'most tasks leased at once, at all runners together; none for any number', cap)
    .option('--rate <n/duration>', 'most attempts begun, such as 100/1m; none for any number', rate)
    .option(
      '--burst <n>',
      'with --rate: how many may begin at once (default: what a second brings)',
      integer('--burst', 1, most),
    )
    .option('--weight <n>', 'its share beside others, 1 to 1000 (default: 1)', integer('--weight', 1, 1000))
    .option(
      '--ageing <duration>',
      'how long a task of the queue waits for each priority it gains, 1s to 7d; none: it gains none (default: 1m)',
      ageing,
    )
    .action((name: string, options: SetOptions) => change(name, options, changeOf(options)));
  about(queue.command('pause'))
    .description('let nothing more of it begin; what runs goes on')
    .action((name: string, options: SubjectOptions) => change(name, options, { paused: true }));
  about(queue.command('resume'))
    .description('end a pause')
    .action((name: string, options: SubjectOptions) => change(name, options, { paused: false }));
}

function about(command: Command): Command {
  return connecting(command)
    .argument('<name>', 'name of the queue')
    .option('--task', 'the name is that of a task')
    .option('--group', 'the name is that of a group');
}

async function withRules(
  options: ConnectionOptions,
  work: (ledger: LedgerCalls, terminal: Terminal) => Promise<void>,
): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  await withLedger(options, terminal, (ledger) => work(ledger, terminal));
}

async function change(name: string, options: SubjectOptions, what: RuleChange): Promise<void> {
  const subject: RuleSubject = options.task === true ? { task: name } : options.group === true ? { group: name } : name;
  const kind = options.task === true ? 'task' : options.group === true ? 'group' : 'queue';
  await withRules(options, async (ledger, terminal) => {
    await ledger.queues.set(subject, what);
    const rule = (await ledger.queues.list()).find((each) => each.kind === kind && each.name === name);
    if (terminal.json) terminal.object(rule === undefined ? { kind, name } : ruleJson(rule));
    else terminal.line(`${kind} ${printable(name)}: ${rule === undefined ? 'no rule' : told(rule)}`);
  });
}

async function print(ledger: LedgerCalls, terminal: Terminal): Promise<void> {
  const rules = await ledger.queues.list();
  if (terminal.json) for (const rule of rules) terminal.object(ruleJson(rule));
  else if (rules.length === 0) terminal.note('No rules: every queue takes what it gets, and all queues share evenly.');
  else terminal.line(renderTable({ head: ['about', 'name', 'leased', 'rule'], rows: rules.map(row) }, terminal));
}

function row(rule: Rule): string[] {
  return [rule.kind, printable(rule.name), rule.leased === null ? '–' : String(rule.leased), told(rule)];
}

function told({ concurrency, rate: limit, paused, weight, ageingMs }: Rule): string {
  const parts = [
    ...(paused ? ['paused'] : []),
    ...(concurrency === null ? [] : [`at most ${concurrency} at once`]),
    ...(limit === null ? [] : [`${limit.count} per ${durationText(limit.perMs)}, ${limit.burst} at once`]),
    ...(weight === 1 ? [] : [`weight ${weight}`]),
    ...(ageingMs === null
      ? []
      : [ageingMs === 0 ? 'no ageing' : `a priority for each ${durationText(ageingMs)} of waiting`]),
  ];
  return parts.join(' · ');
}

function ruleJson({ rate: limit, ageingMs, setAt, setBy, ...rest }: Rule): object {
  const asJson = limit === null ? null : { count: limit.count, per_ms: limit.perMs, burst: limit.burst };
  return { ...rest, rate: asJson, ageing_ms: ageingMs, set_at: setAt.toISOString(), set_by: setBy };
}

function changeOf({ concurrency, rate: limit, burst, weight, ageing: ages }: SetOptions): RuleChange {
  if (burst !== undefined && (limit === undefined || limit === none)) throw usage('--burst with a --rate');
  if ([concurrency, limit, weight, ages].every((one) => one === undefined))
    throw usage('--concurrency, --rate, --weight or --ageing');
  return {
    ...(concurrency === undefined ? {} : { concurrency: concurrency === none ? null : concurrency }),
    ...(limit === undefined
      ? {}
      : { rate: limit === none ? null : { ...limit, ...(burst === undefined ? {} : { burst }) } }),
    ...(weight === undefined ? {} : { weight }),
    ...(ages === undefined ? {} : { ageing: ages }),
  };
}

function cap(text: string): number | typeof none {
  return text === none ? none : integer('--concurrency', 0, most)(text);
}

function rate(text: string): { count: number; per: number } | typeof none {
  if (text === none) return none;
  const [count = '', per = ''] = text.split('/');
  return { count: integer('--rate', 1, most)(count), per: durationMs(per, 'the duration of --rate') };
}

function ageing(text: string): number {
  return text === none ? 0 : duration('--ageing')(text);
}

function usage(expected: string): LedgerError {
  return new LedgerError('TASKLEDGER_USAGE', { expected, found: 'none', remedy: 'Say what is to change' });
}
