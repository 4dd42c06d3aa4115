import type { TaskEvent } from '../../events/event.ts';
import { historyLines } from '../history-lines.ts';
import { renderTable } from '../render-table.ts';
import { stateText } from '../state-color.ts';
import type { Terminal } from '../terminal.ts';
import type { Chapter } from './chapter.ts';
import { marksTable, type SiteMarks } from './site-marks.ts';
import type { Inventory } from './verify-states.ts';

export interface Ending {
  readonly chapters: readonly Chapter[];
  readonly inventory: Inventory;
  readonly sites: readonly SiteMarks[];
  readonly seconds: number;
  /** With `--keep`: where the sites go on running, by name. */
  readonly urls: Readonly<Record<string, string>> | undefined;
}

/** The last line of `--json`. */
export function printSummary({ inventory, sites, seconds, urls }: Ending, terminal: Terminal): void {
  const { tasks, states, events, converged, verified } = inventory;
  const names = sites.map(({ name }) => name);
  terminal.object({ tasks, states, events, sites: names, converged, verified, seconds, ...(urls && { urls }) });
}

/** What happened as a table, the history of one task, and what to try next. */
export function printEnding(ending: Ending & { readonly history: readonly TaskEvent[] }, terminal: Terminal): void {
  const { bold, dim, green, red } = terminal.colors;
  const { chapters, inventory, sites, seconds, history, urls } = ending;
  const rows = chapters.map(({ what, tasks, state, note }) => [
    what,
    String(tasks),
    state === 'no task' ? dim(state) : stateText(state, terminal),
    note,
  ]);
  terminal.line('');
  terminal.line(
    renderTable({ head: ['what', 'tasks', 'state', 'what happened'], rows, align: ['left', 'right'] }, terminal),
  );
  terminal.line('');
  const facts = `${inventory.tasks} tasks, ${inventory.events} events, ${seconds} s.`;
  terminal.line(
    inventory.verified
      ? `${facts} ${green('Every state was computed again from its events, and every event is as it was sealed.')}`
      : `${facts} ${red('Some states or events are not what they should be: please report this.')}`,
  );
  if (!inventory.converged) terminal.line(red(`${notConverged(sites)}: please report this.`));
  if (sites.length > 1) {
    terminal.line('');
    terminal.line(bold('Who has proven what of whom, up to which block:'));
    terminal.line(marksTable(sites, terminal));
    if (inventory.converged)
      terminal.line(green('Read whole, and compared: every database holds the same log and the same projections.'));
  }
  terminal.line('');
  terminal.line(bold('The payment, from the log:'));
  for (const line of historyLines(history, terminal)) terminal.line(`  ${line}`);
  terminal.line('');
  for (const line of next(urls, history[0]?.task_id ?? 'ID', terminal)) terminal.line(line);
}

function notConverged(sites: readonly SiteMarks[]): string {
  const waiting = 'Some tasks are waiting that should have run';
  return sites.length === 1 ? waiting : `${waiting}, or the sites do not hold the same`;
}

function next(urls: Ending['urls'], taskId: string, { colors }: Terminal): string[] {
  const [first, second] = Object.values(urls ?? {});
  if (first === undefined) {
    return [
      colors.bold('Everything was cleaned up. Try next, in two shells:'),
      '  npx taskledger dev --handlers examples/first-task/tasks.mjs',
      `  npx taskledger submit greetings.say --input '{"name":"Ada"}'`,
      '  npx taskledger list',
    ];
  }
  return [
    `${colors.bold('It goes on running until Ctrl-C.')} Try in another shell:`,
    `  export TASKLEDGER_DATABASE_URL='${first}'`,
    '  npx taskledger list --limit 10',
    '  npx taskledger list --state aborted',
    `  npx taskledger history ${taskId}`,
    ...(second === undefined ? [] : ['The same at the other site:', `  export TASKLEDGER_DATABASE_URL='${second}'`]),
  ];
}
