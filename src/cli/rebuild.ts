import type { Command } from 'commander';
import { withSnapshot } from '../postgres/snapshot.ts';
import { compareOpenTasks } from '../projections/open-tasks/compare-open-tasks.ts';
import type { Difference } from '../projections/open-tasks/difference.ts';
import { rebuildOpenTasks, type Rebuilt } from '../projections/open-tasks/rebuild-open-tasks.ts';
import { connecting, type ConnectionOptions } from './connection.ts';
import { jsonLine, printable, printableStart } from './printable.ts';
import { exitStatus } from './report-error.ts';
import { openTerminal, type Terminal } from './terminal.ts';
import { withDatabase } from './with-database.ts';

interface RebuildOptions extends ConnectionOptions {
  readonly check?: boolean;
}

/** Differences told one by one without `--json`; the rest is counted. */
const toldMax = 100;
const shownMax = 200;

export function addRebuild(program: Command): void {
  connecting(program.command('rebuild'))
    .description('make the tables of open tasks, claims and keys anew from the log, then compare them with it')
    .option('--check', 'only compare, and change nothing')
    .addHelpText(
      'after',
      `
Only rows that differ are written, and running attempts keep their leases. Others may go on working: what they decide waits
until the tables are made. Comparing folds every task's history; it sees one moment and holds up nobody.
Exit status 1: something differs.`,
    )
    .action(rebuild);
}

async function rebuild({ check = false, ...options }: RebuildOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  await withDatabase({ ...options, writing: !check }, terminal, async ({ pool }) => {
    const rebuilt = check ? undefined : await rebuildOpenTasks(pool);
    if (rebuilt !== undefined && !terminal.json) terminal.line(rebuiltText(rebuilt));
    const differences = await withSnapshot(pool, async (db) => {
      let count = 0;
      for await (const difference of compareOpenTasks(db)) tell(difference, ++count, terminal);
      return count;
    });
    tellEnd(rebuilt, differences, terminal);
    if (differences > 0) process.exitCode = exitStatus.refused;
  });
}

function rebuiltText(rebuilt: Rebuilt): string {
  const {
    tasksWritten,
    tasksRemoved,
    claimsWritten,
    claimsRemoved,
    doubtsWritten,
    doubtsRemoved,
    keysWritten,
    keysRemoved,
  } = rebuilt;
  if (Object.values(rebuilt).every((rows) => rows === 0))
    return 'Nothing to rebuild: the tables were what the log says.';
  const part = (what: string, written: number, removed: number): string =>
    `${what} ${written} written, ${removed} removed`;
  return `Rebuilt from the log: ${[
    part('open tasks', tasksWritten, tasksRemoved),
    part('claims', claimsWritten, claimsRemoved),
    part('doubts', doubtsWritten, doubtsRemoved),
    part('keys', keysWritten, keysRemoved),
  ].join('; ')}.`;
}

function tell(difference: Difference, count: number, terminal: Terminal): void {
  const { what, id, column, log, found } = difference;
  if (terminal.json) terminal.object({ difference: what, id, column, log, found });
  else if (count <= toldMax)
    terminal.line(`${what} ${printable(id)}: ${column} is ${shown(found)}, by the log ${shown(log)}`);
}

function tellEnd(rebuilt: Rebuilt | undefined, differences: number, terminal: Terminal): void {
  if (terminal.json) {
    terminal.object({ differences, rebuilt: rebuilt === undefined ? null : snakeCase(rebuilt) });
  } else if (differences === 0) {
    terminal.line('The tables are what the log says.');
  } else {
    const more = differences > toldMax ? `; the first ${toldMax} are above` : '';
    const remedy =
      rebuilt === undefined ? ' Run: taskledger rebuild' : ' They are left: look at the histories of these tasks.';
    terminal.line(`${differences} difference${differences === 1 ? '' : 's'} from the log${more}.${remedy}`);
  }
}

/** `tasksWritten` → `tasks_written`. */
function snakeCase(rebuilt: Rebuilt): object {
  return Object.fromEntries(
    Object.entries(rebuilt).map(([key, rows]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      rows as number,
    ]),
  );
}

function shown(value: unknown): string {
  return printableStart(jsonLine(value), shownMax);
}
