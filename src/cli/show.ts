import type { Command } from 'commander';
import { fold } from '../events/evolve.ts';
import { formatPosition } from '../events/position.ts';
import type { TaskState } from '../events/task-state.ts';
import { taskNotFound } from '../ledger/task-id.ts';
import type { LedgerCalls } from '../open-ledger.ts';
import { taskJson } from './as-json.ts';
import { attemptLines, attemptRows } from './attempt-rows.ts';
import { connecting, withLedger, type ConnectionOptions } from './connection.ts';
import { durationText } from './duration-text.ts';
import { lastAttempt, lastAttemptJson, type EndedAttempt } from './last-attempt.ts';
import { jsonLine, printable, printableStart } from './printable.ts';
import { percentText, progressBar } from './progress-bar.ts';
import { stateText } from './state-color.ts';
import { openTerminal, type Terminal } from './terminal.ts';

/** Longest payload shown, in characters; `--json` shows all of it. */
const payloadMax = 2000;

export function addShow(program: Command): void {
  connecting(program.command('show'))
    .description('what a task is now, and how its last attempt ended: error, limits, usage, log')
    .argument('<id>', 'task id')
    .action(async (id: string, options: ConnectionOptions) => {
      const terminal = openTerminal(options.json ?? false);
      await withLedger(options, terminal, async (ledger) => {
        const events = await ledger.history(id);
        const task = fold(events);
        if (task === undefined) throw taskNotFound(id);
        const ended = lastAttempt(events);
        const unoffered = (await whyUnoffered(ledger, task)) ?? null;
        if (terminal.json) {
          const last_attempt = ended === undefined ? null : lastAttemptJson(ended);
          terminal.object({ ...taskJson(task), unoffered, last_attempt });
          return;
        }
        for (const line of taskLines({ task, unoffered, ended }, terminal)) terminal.line(line);
        if (ended !== undefined) for (const line of attemptLines(ended, terminal)) terminal.line(line);
      });
    });
}

/** Of a task that waits. Only its owner's runners can take it, and only there they are known. */
async function whyUnoffered(ledger: LedgerCalls, task: TaskState): Promise<string | undefined> {
  if (task.state !== 'pending' || (await ledger.ownerOf(task.id)) !== ledger.site) return undefined;
  return await ledger.whyUnoffered(task);
}

interface Shown {
  readonly task: TaskState;
  readonly unoffered: string | null;
  readonly ended: EndedAttempt | undefined;
}

/** The task in lines `name  value`; what says nothing is left out. */
function taskLines({ task, unoffered, ended }: Shown, terminal: Terminal): string[] {
  const rows: [string, string | null][] = [
    ['task', `${task.id}  ${task.name}`],
    ['state', `${stateText(task.state, terminal)}${attempts(task)}`],
    ['unoffered', unoffered],
    ['submitted', `${task.submitted_at}  ${formatPosition(task.submitted)}`],
    ['started', after(task.started_at, task.submitted_at, 'after it was submitted')],
    ['finished', after(task.finished_at, task.started_at, 'after that')],
    ['lease', lease(task)],
    ['run by', task.run_by],
    ['progress', progress(task, terminal)],
    ['queue', task.queue === 'default' ? null : task.queue],
    ['group', task.group],
    ['priority', task.priority === 0 ? null : String(task.priority)],
    ['key', task.key],
    ['plugin', task.plugin === null ? null : `only versions ${task.plugin}`],
    ['protected', task.protected ? 'yes: never started a second time on its own' : null],
    ['run at', task.state === 'pending' ? task.run_at : null],
    ['start before', task.start_before],
    ['deadline', task.deadline],
    ['timeout', task.timeout_ms === null ? null : durationText(task.timeout_ms)],
    ['requests', task.open_requests.map((each) => `${each.type} ${formatPosition(each)}`).join(', ')],
    ['refused', task.refused_results === 0 ? null : `${task.refused_results} late results`],
    ...(ended === undefined ? [] : attemptRows(ended)),
    ['checkpoint', payload(task.checkpoint)],
    ['input', payload(task.input)],
    ['output', payload(task.output)],
  ];
  return rows
    .filter((row): row is [string, string] => row[1] !== null && row[1] !== '')
    .map(([name, value]) => `${terminal.colors.dim(name.padEnd(12))}  ${name === 'state' ? value : printable(value)}`);
}

function attempts({ attempt, attempts: allowed }: TaskState): string {
  return attempt === 0 ? '' : `, attempt ${attempt} of ${allowed}`;
}

function lease({ lease: held }: TaskState): string | null {
  return held === null ? null : `runner ${held.runner} on ${held.host} since ${held.leased_at}`;
}

/** The moment, and how long it came after another one. */
function after(moment: string | null, earlier: string | null, words: string): string | null {
  const ms = moment === null || earlier === null ? 0 : Date.parse(moment) - Date.parse(earlier);
  return ms <= 0 ? moment : `${moment}  ${durationText(ms)} ${words}`;
}

function progress({ progress: latest }: TaskState, { styled }: Terminal): string | null {
  if (latest === null) return null;
  const { fraction, message } = latest;
  const done = fraction === null ? '' : styled ? progressBar(fraction) : percentText(fraction);
  return `${done} ${message ?? ''}`.trim();
}

function payload(value: unknown): string | null {
  return value === undefined ? null : printableStart(jsonLine(value), payloadMax);
}
