import type { Command } from 'commander';
import { systemClock } from '../../clock.ts';
import { changesBetween, countsAsOf, eventsAsOf, tasksChangedBetween } from '../../audit/as-of.ts';
import { cutsAt, type Cut, type Moment } from '../../audit/moments.ts';
import { LedgerError } from '../../errors.ts';
import { fold } from '../../events/evolve.ts';
import { requireTaskId, taskNotFound } from '../../ledger/task-id.ts';
import type { Queryable } from '../../postgres/queryable.ts';
import { taskJson } from '../as-json.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { historyLines } from '../history-lines.ts';
import { integer, momentOption } from '../parse-options.ts';
import { printable } from '../printable.ts';
import { renderTable } from '../render-table.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';

interface AsOfOptions extends ConnectionOptions {
  readonly at?: Date;
  readonly position?: Moment;
  readonly and?: Date;
  readonly limit: number;
}

interface Asked {
  readonly db: Queryable;
  readonly terminal: Terminal;
  readonly cuts: readonly Cut[];
  /** The second moment. */
  readonly later: readonly Cut[] | undefined;
}

export function addAsOf(audit: Command): void {
  connecting(audit.command('as-of'))
    .description('what a task, or every task, was at a moment; with two moments, what changed between them')
    .argument('[id]', 'task id (default: the whole ledger, counted)')
    .option(
      '--at <time>',
      'the moment: ISO 8601 with its offset, or 2h for two hours ago',
      momentOption('--at', systemClock, true),
    )
    .option('--position <site:block>', 'the moment at which this block was sealed: ams:17', positionOption)
    .option('--and <time>', 'a second, later moment', momentOption('--and', systemClock, true))
    .option('--limit <n>', 'list at most so many changed tasks', integer('--limit', 0, 10_000), 20)
    .addHelpText(
      'after',
      `
A time stands for the last block of each site that was sealed by then; the positions are printed, and name the moment exactly.
What was recorded then and sealed a little later comes after it. Exit status 1: the task was not known then.`,
    )
    .action(asOf);
}

async function asOf(id: string | undefined, options: AsOfOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  const taskId = id === undefined ? undefined : requireTaskId(id);
  const moment = requireMoment(options);
  await withDatabase(options, terminal, async ({ pool: db }) => {
    const cuts = await cutsAt(db, moment);
    const later = options.and === undefined ? undefined : await cutsAt(db, { at: options.and });
    const asked: Asked = { db, terminal, cuts, later };
    for (const each of later === undefined ? [cuts] : [cuts, later]) tellCuts(each, terminal);
    if (taskId !== undefined) await tellTask(taskId, asked);
    else if (later === undefined) tellCounts(await countsAsOf(db, cuts), terminal);
    else await tellChanges(asked, later, options.limit);
  });
}

async function tellTask(id: string, { db, terminal, cuts, later }: Asked): Promise<void> {
  const events = await eventsAsOf(db, id, cuts);
  const state = fold(events);
  if (state === undefined && later === undefined) throw taskNotFound(id);
  if (terminal.json) terminal.object({ task: state === undefined ? null : taskJson(state) });
  else
    terminal.line(
      state === undefined
        ? `Task ${id} was not known yet.`
        : `Task ${id} (${printable(state.name)}) was ${state.state}, at version ${state.version}.`,
    );
  if (later === undefined) {
    if (!terminal.json) for (const line of historyLines(events, terminal)) terminal.line(line);
    return;
  }
  const after = await eventsAsOf(db, id, later);
  const then = fold(after);
  if (then === undefined) throw taskNotFound(id);
  if (terminal.json) terminal.object({ task: taskJson(then) });
  else {
    terminal.line(`Then it was ${then.state}, at version ${then.version}. In between:`);
    const known = new Set(events.map(({ site, seq }) => `${site}/${seq}`));
    for (const line of historyLines(
      after.filter(({ site, seq }) => !known.has(`${site}/${seq}`)),
      terminal,
    ))
      terminal.line(line);
  }
}

function tellCuts(cuts: readonly Cut[], terminal: Terminal): void {
  if (terminal.json) {
    terminal.object({
      positions: cuts.map(({ site, block, sealedAt, unsealed }) => ({
        site,
        block,
        sealed_at: sealedAt?.toISOString() ?? null,
        unsealed,
      })),
    });
    return;
  }
  for (const { site, block, sealedAt, unsealed } of cuts) {
    const position =
      sealedAt === undefined ? 'before its first block' : `${site}:${block}, sealed at ${sealedAt.toISOString()}`;
    terminal.line(
      `${site}: ${position}${unsealed === 0 ? '' : `; ${unsealed} events are in no block yet and are left out`}`,
    );
  }
}

function tellCounts(counts: Awaited<ReturnType<typeof countsAsOf>>, terminal: Terminal): void {
  if (terminal.json) for (const count of counts) terminal.object(count);
  else {
    const rows = counts.map(({ name, state, tasks }) => [printable(name), state, String(tasks)]);
    terminal.line(
      counts.length === 0
        ? 'There were no tasks.'
        : renderTable({ head: ['name', 'state', 'tasks'], rows, align: ['left', 'left', 'right'] }, terminal),
    );
  }
}

async function tellChanges({ db, terminal, cuts }: Asked, later: readonly Cut[], limit: number): Promise<void> {
  const counts = await changesBetween(db, cuts, later);
  const tasks = limit === 0 ? [] : await tasksChangedBetween(db, cuts, later, limit);
  if (terminal.json) {
    for (const change of [...counts, ...tasks]) terminal.object(change);
    return;
  }
  if (counts.length === 0) {
    terminal.line('No task changed its state between them.');
    return;
  }
  const rows = counts.map(({ name, before, after, tasks: n }) => [printable(name), before ?? '–', after, String(n)]);
  terminal.line(
    renderTable({ head: ['name', 'from', 'to', 'tasks'], rows, align: ['left', 'left', 'left', 'right'] }, terminal),
  );
  for (const { id, before, after } of tasks) terminal.line(`${id}  ${before ?? 'not known'} → ${after}`);
}

function positionOption(text: string): Moment {
  const [, site, block] = /^([a-z][a-z0-9-]{0,29}):([1-9]\d{0,17})$/.exec(text) ?? [];
  if (site !== undefined && block !== undefined) return { site, block: BigInt(block) };
  throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: '--position to be a site and a block such as ams:17',
    found: JSON.stringify(text.slice(0, 60)),
    remedy: 'See the last ones with: taskledger audit heads',
  });
}

function requireMoment({ at, position }: AsOfOptions): Moment {
  if (at !== undefined && position === undefined) return { at };
  if (position !== undefined && at === undefined) return position;
  throw new LedgerError('TASKLEDGER_USAGE', {
    expected: 'one moment: --at TIME or --position SITE:BLOCK',
    found: at === undefined ? 'neither' : 'both',
    remedy: 'For now: taskledger audit as-of --at 1s',
  });
}
