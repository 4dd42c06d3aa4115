import type { TaskEvent } from '../events/event.ts';
import { fold } from '../events/evolve.ts';
import type { TaskState } from '../events/task-state.ts';
import type { Ledger } from '../open-ledger.ts';
import { eventJson } from './as-json.ts';
import { askAgain, type Watching } from './ask-again.ts';
import { historyLines } from './history-lines.ts';
import { printableStart } from './printable.ts';
import { progressBar } from './progress-bar.ts';
import { exitStatus } from './report-error.ts';
import { stateText } from './state-color.ts';
import type { Terminal } from './terminal.ts';

interface WatchingTask extends Watching {
  readonly ledger: Ledger;
}

const messageMax = 60;
/** Back to the first column, and nothing of the line left. */
const clearLine = '\r\u001b[K';

/** Prints the story of a task as it goes on, until the task ends; a task in doubt has not ended. */
export async function watchTask(id: string, { ledger, ...watching }: WatchingTask): Promise<void> {
  const { terminal } = watching;
  const status = statusLine(terminal);
  let told = 0;
  await askAgain(async () => {
    const events = await ledger.history(id);
    status.clear();
    tell(events, told, terminal);
    told = events.length;
    const task = fold(events);
    if (task === undefined) return false;
    if (task.finished_at === null) {
      status.show(task);
      return false;
    }
    if (task.state !== 'completed') process.exitCode = exitStatus.refused;
    return true;
  }, watching);
  status.clear();
}

function tell(events: readonly TaskEvent[], told: number, terminal: Terminal): void {
  if (terminal.json) for (const event of events.slice(told)) terminal.object(eventJson(event));
  else for (const line of historyLines(events, terminal).slice(told)) terminal.line(line);
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
