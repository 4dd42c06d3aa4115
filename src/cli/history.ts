import type { Command } from 'commander';
import { eventJson } from './as-json.ts';
import { connecting, withLedger, type ConnectionOptions } from './connection.ts';
import { historyLines } from './history-lines.ts';
import { openTerminal } from './terminal.ts';

export function addHistory(program: Command): void {
  connecting(program.command('history'))
    .description('everything that happened to a task, oldest first, times in UTC')
    .argument('<id>', 'task id')
    .action(async (id: string, options: ConnectionOptions) => {
      const terminal = openTerminal(options.json ?? false);
      await withLedger(options, terminal, async (ledger) => {
        const events = await ledger.history(id);
        if (terminal.json) for (const event of events) terminal.object(eventJson(event));
        else for (const line of historyLines(events, terminal)) terminal.line(line);
      });
    });
}
