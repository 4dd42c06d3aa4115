import type { TaskEvent } from '../events/event.ts';
import type { TaskState } from '../events/task-state.ts';
import type { Watched, WatchTrouble } from '../ledger/watch.ts';
import type { LedgerCalls } from '../open-ledger.ts';
import { eventJson } from './as-json.ts';
import { historyLines } from './history-lines.ts';
import { logLineText } from './log-line-text.ts';
import { printable, printableStart } from './printable.ts';
import { progressBar } from './progress-bar.ts';
import { exitStatus } from './report-error.ts';
import { stateText } from './state-color.ts';
import type { Terminal } from './terminal.ts';

interface WatchingTask {
  readonly ledger: LedgerCalls;
  readonly terminal: Terminal;
  readonly stopped: AbortSignal;
}

const messageMax = 60;
/** Lines that were printed before, with which the next one is aligned. */
const alignedWith = 50;
/** Back to the first column, and nothing of the line left. */
const clearLine = '\r\u001b[K';

/** Prints the story of a task, and what its attempts log, until the task ends; a task in doubt has not ended. */
export async function watchTask(id: string, { ledger, terminal, stopped }: WatchingTask): Promise<void> {
  const status = statusLine(terminal);
  const events: TaskEvent[] = [];
  let task: TaskState | undefined;
  for await (const seen of ledger.watch(id, { signal: stopped })) {
    status.clear();
    if (seen.kind === 'event') {
      events.push(seen.event);
      if (events.length > alignedWith) events.shift();
      task = seen.task;
    }
    tell(id, seen, events, terminal);
    if (task !== undefined && task.finished_at === null) status.show(task);
  }
  status.clear();
  const hasFailed = task !== undefined && task.finished_at !== null && task.state !== 'completed';
  if (hasFailed) process.exitCode = exitStatus.refused;
}

function tell(id: string, seen: Watched, events: readonly TaskEvent[], terminal: Terminal): void {
  if (seen.kind === 'trouble') terminal.warn(troubleText(id, seen));
  else if (terminal.json) terminal.object(seenJson(id, seen));
  else if (seen.kind === 'event') terminal.line(historyLines(events, terminal).at(-1) ?? '');
  else if (seen.kind === 'line') terminal.line(logLineText(seen.line, terminal.colors));
  else terminal.line(terminal.colors.dim(`  … ${seen.lines} line(s) left out: too many at once`));
}

function seenJson(id: string, seen: Exclude<Watched, { kind: 'trouble' }>): object {
  if (seen.kind === 'event') return eventJson(seen.event);
  const { attempt } = seen;
  if (seen.kind === 'dropped') return { type: 'log.dropped', task_id: id, attempt, lines: seen.lines };
  return { type: 'log.line', task_id: id, attempt, ...seen.line };
}

function troubleText(id: string, told: WatchTrouble): string {
  switch (told.trouble) {
    case 'another site owns it':
      return `site ${told.site} owns task ${id}: its log is shown there alone, and what happens comes here with the replication`;
    case 'notifications are not heard':
      return 'log lines cannot be shown: notifications do not come through (a pooler in transaction mode?); events go on';
    case 'its runner sends nothing':
      return 'log lines cannot be shown: the runner does not send them (it may not hear notifications); events go on';
    case 'the database does not answer':
      return 'the database does not answer; waiting for it';
    case 'refused':
      return `log lines cannot be shown: found ${printable(told.why)}; events go on`;
  }
}

/** The last line of a terminal, written again and again; elsewhere nothing. */
function statusLine(terminal: Terminal): { show(task: TaskState): void; clear(): void } {
  let isShown = false;
  return {
    show(task) {
      if (!terminal.styled) return;
      const { fraction = null, message = null } = task.progress ?? {};
      const bar = fraction === null ? '' : `  ${progressBar(fraction)}`;
      const words = message === null ? '' : `  ${terminal.colors.dim(printableStart(message, messageMax))}`;
      process.stdout.write(`${stateText(task.state, terminal)}${bar}${words}`);
      isShown = true;
    },
    clear() {
      if (isShown) process.stdout.write(clearLine);
      isShown = false;
    },
  };
}
