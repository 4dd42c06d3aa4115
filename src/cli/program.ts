import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAbort } from './abort.ts';
import { addDemo } from './demo/demo.ts';
import { addDev } from './dev.ts';
import { addHistory } from './history.ts';
import { addList } from './list.ts';
import { addMigrate } from './migrate.ts';
import { addReschedule } from './reschedule.ts';
import { addResolve } from './resolve.ts';
import { addRetry } from './retry.ts';
import { addRun } from './run.ts';
import { addShow } from './show.ts';
import { addSubmit } from './submit.ts';

const commands = [
  ...[addDemo, addDev, addMigrate, addRun],
  ...[addSubmit, addList, addShow, addHistory],
  ...[addAbort, addRetry, addReschedule, addResolve],
];

const afterHelp = `
The database is the one of --url, else of TASKLEDGER_DATABASE_URL, else the one \`taskledger dev\` runs in this directory
(it leaves its URL in .taskledger/url).

Exit status: 0 done · 1 the answer is no · 2 wrong usage or input · 3 database not reachable · 4 our own fault`;

/** The command line. Parsing throws instead of exiting. */
export function createProgram(): Command {
  const program = new Command('taskledger')
    .description('An event-sourced task ledger on PostgreSQL.')
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .showSuggestionAfterError()
    .addHelpText('after', afterHelp);
  for (const add of commands) add(program);
  for (const command of [program, ...program.commands]) {
    // Errors are reported in one place, by main.
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  return program;
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
