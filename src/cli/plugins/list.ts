import type { Command } from 'commander';
import { readOffered, readPluginProblems, type OfferedTask } from '../../ledger/offered.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { printable } from '../printable.ts';
import { renderTable } from '../render-table.ts';
import { openTerminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';

interface ListOptions extends ConnectionOptions {
  readonly name?: string;
}

export function addPluginsList(plugins: Command): void {
  connecting(plugins.command('list'))
    .description('what running runners offer at this site, and what is wrong with plugins they were told to run')
    .option('--name <name>', 'only this task name')
    .action(list);
}

async function list({ name, ...options }: ListOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  await withDatabase(options, terminal, async ({ pool }) => {
    const offered = await readOffered(pool, name);
    const problems = await readPluginProblems(pool);
    if (terminal.json) {
      for (const offer of offered) terminal.object({ ...offer, until: offer.until.toISOString() });
      for (const problem of problems) terminal.object(problem);
      return;
    }
    const head = ['task', 'run by', 'queues', 'runner', 'host'];
    if (offered.length > 0) terminal.line(renderTable({ head, rows: offered.map(row) }, terminal));
    else terminal.note('No runner offers anything.');
    for (const { runner, host, problem } of problems) {
      terminal.line(terminal.colors.red(printable(`runner ${runner} on ${host}: ${problem}`)));
    }
  });
}

function row({ name, plugin, version, queues, runner, host }: OfferedTask): string[] {
  const by = plugin === null ? 'a handler in a module' : `${plugin}@${version ?? ''}`;
  return [name, by, queues === null ? 'all' : queues.join(', '), runner, host].map(printable);
}
