import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { requireTaskId } from '../ledger/task-id.ts';
import { connecting, withLedger, type ConnectionOptions } from './connection.ts';
import { stopSignals } from './stop-signals.ts';
import { openTerminal } from './terminal.ts';
import { watchSite } from './watch-site.ts';
import { watchTask } from './watch-task.ts';
import { withDatabase } from './with-database.ts';

export function addWatch(program: Command): void {
  connecting(program.command('watch'))
    .description('see what happens, as it happens: to all tasks until told to stop, or to one until it ends')
    .argument('[id]', 'task id')
    .addHelpText(
      'after',
      `
With an id it exits with 0 when the task has completed, and with 1 when it ended otherwise. With --json each event is
printed as one object, as history does.`,
    )
    .action(watch);
}

async function watch(id: string | undefined, options: ConnectionOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  using wish = stopSignals(systemClock);
  const stopping = new AbortController();
  void wish.first.then(() => stopping.abort());
  const around = { terminal, clock: systemClock, stopped: stopping.signal };
  if (id === undefined) {
    await withDatabase(options, terminal, ({ pool, site }) => watchSite({ db: pool, site, ...around }));
    return;
  }
  const taskId = requireTaskId(id);
  await withLedger(options, terminal, (ledger) => watchTask(taskId, { ledger, ...around }));
}
