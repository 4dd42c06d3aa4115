import type { TaskEvent } from '../../events/event.ts';
import { historyLines } from '../history-lines.ts';
import { renderTable } from '../render-table.ts';
import { stateText } from '../state-color.ts';
import type { Terminal } from '../terminal.ts';
import type { Chapter } from './chapter.ts';
import type { Inventory } from './verify-states.ts';

export interface Ending {
  readonly chapters: readonly Chapter[];
  readonly inventory: Inventory;
  readonly site: string;
  readonly seconds: number;
  /** With `--keep`: where the site goes on running. */
  readonly keptUrl: string | undefined;
}

/** The last line of `--json`. */
export function printSummary({ inventory, site, seconds, keptUrl }: Ending, terminal: Terminal): void {
  const { tasks, states, events, converged, verified } = inventory;
  const urls = keptUrl === undefined ? {} : { urls: { [site]: keptUrl } };
  terminal.object({ tasks, states, events, sites: [site], converged, verified, seconds, ...urls });
}

/** What happened as a table, the history of one task, and what to try next. */
export function printEnding(ending: Ending & { readonly history: readonly TaskEvent[] }, terminal: Terminal): void {
  const { bold, dim, green, red } = terminal.colors;
  const { chapters, inventory, seconds, history, keptUrl } = ending;
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
  if (!inventory.converged) terminal.line(red('Some tasks are waiting that should have run: please report this.'));
  terminal.line('');
  terminal.line(bold('The payment, from the log:'));
  for (const line of historyLines(history, terminal)) terminal.line(`  ${line}`);
  terminal.line('');
  for (const line of next(keptUrl, history[0]?.task_id ?? 'ID', terminal)) terminal.line(line);
}

function next(keptUrl: string | undefined, taskId: string, { colors }: Terminal): string[] {
  if (keptUrl === undefined) {
    return [
      colors.bold('Everything was cleaned up. Try next, in two shells:'),
      '  npx taskledger dev --handlers examples/first-task/tasks.mjs',
      `  npx taskledger submit greetings.say --input '{"name":"Ada"}'`,
      '  npx taskledger list',
    ];
  }
  return [
    `${colors.bold('The site goes on running until Ctrl-C.')} Try in another shell:`,
    `  export TASKLEDGER_DATABASE_URL='${keptUrl}'`,
    '  npx taskledger list --limit 10',
    '  npx taskledger list --state aborted',
    `  npx taskledger history ${taskId}`,
  ];
}
