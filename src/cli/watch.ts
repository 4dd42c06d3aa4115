import type { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import { requireTaskId } from '../ledger/task-id.ts';
import { connecting, withLedger, type ConnectionOptions } from './connection.ts';
import { stopSignals } from './stop-signals.ts';
import { openTerminal } from './terminal.ts';
import { watchBlocks } from './watch-blocks.ts';
import { watchSite } from './watch-site.ts';
import { watchTask } from './watch-task.ts';
import { withDatabase } from './with-database.ts';

export function addWatch(program: Command): void {
  connecting(program.command('watch'))
    .description('see what happens, as it happens: to all tasks until told to stop, or to one until it ends')
    .argument('[id]', 'task id')
    .option(
      '--from <position>',
      'follow the sealed events from a position such as ams:12.3, or `head`; none is skipped',
    )
    .addHelpText(
      'after',
      `
With an id it also shows what the running attempt logs, from the lines it wrote last on, and on a terminal how far it is. It
exits with 0 when the task has completed, and with 1 when it ended otherwise. With --json each event is printed as one
object, as history does, each line of the log as {"type":"log.line",…}, and lines that were too many to be sent as
{"type":"log.dropped",…}; with --from each event also with the position to go on from after it.`,
    )
    .action(watch);
}

interface WatchOptions extends ConnectionOptions {
  readonly from?: string;
}

async function watch(id: string | undefined, { from, ...options }: WatchOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  using wish = stopSignals(systemClock);
  const stopping = new AbortController();
  void wish.first.then(() => stopping.abort());
  const around = { terminal, clock: systemClock, stopped: stopping.signal };
  if (from !== undefined) {
    requireNoTask(id);
    await withLedger(options, terminal, (ledger) => watchBlocks(ledger, { from, ...around }));
    return;
  }
  if (id === undefined) {
    await withDatabase(options, terminal, ({ pool, site }) => watchSite({ db: pool, site, ...around }));
    return;
  }
  const taskId = requireTaskId(id);
  await withLedger(options, terminal, (ledger) => watchTask(taskId, { ledger, ...around }));
}

function requireNoTask(id: string | undefined): void {
  if (id === undefined) return;
  throw new LedgerError('TASKLEDGER_INVALID_OPTION', {
    expected: 'a task to watch, or a position to follow everything from',
    found: 'both',
    remedy: 'Leave out the task id or --from',
  });
}
