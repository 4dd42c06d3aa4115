import { readFileSync } from 'node:fs';
import { Command } from 'commander';

type Add = (program: Command) => void;

/** The commands, in the order of the help. Each is loaded when it is asked for: `submit` need not wait for what `dev` needs. */
const commands: Readonly<Record<string, () => Promise<Add>>> = {
  demo: async () => (await import('./demo/demo.ts')).addDemo,
  dev: async () => (await import('./dev.ts')).addDev,
  migrate: async () => (await import('./migrate.ts')).addMigrate,
  serve: async () => (await import('./serve.ts')).addServe,
  run: async () => (await import('./run.ts')).addRun,
  plugins: async () => (await import('./plugins/plugins.ts')).addPlugins,
  submit: async () => (await import('./submit.ts')).addSubmit,
  list: async () => (await import('./list.ts')).addList,
  show: async () => (await import('./show.ts')).addShow,
  history: async () => (await import('./history.ts')).addHistory,
  watch: async () => (await import('./watch.ts')).addWatch,
  abort: async () => (await import('./abort.ts')).addAbort,
  retry: async () => (await import('./retry.ts')).addRetry,
  reschedule: async () => (await import('./reschedule.ts')).addReschedule,
  resolve: async () => (await import('./resolve.ts')).addResolve,
  queue: async () => (await import('./queue.ts')).addQueue,
  site: async () => (await import('./site/site.ts')).addSite,
  rebuild: async () => (await import('./rebuild.ts')).addRebuild,
  audit: async () => (await import('./audit/audit.ts')).addAudit,
  'verify-bundle': async () => (await import('./verify-bundle.ts')).addVerifyBundle,
};

const afterHelp = `
The database is the one of --url, else of TASKLEDGER_DATABASE_URL, else the one \`taskledger dev\` runs in this directory
(it leaves its URL in .taskledger/url).

Exit status: 0 done · 1 the answer is no · 2 wrong usage or input · 3 database not reachable · 4 our own fault`;

/**
 * The command line. Parsing throws instead of exiting.
 * @param named the command to load; all of them when it is none of ours, so that help lists them and typing errors get a hint
 */
export async function createProgram(named = ''): Promise<Command> {
  const program = new Command('taskledger')
    .description('An event-sourced task ledger on PostgreSQL.')
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .showSuggestionAfterError()
    .addHelpText('after', afterHelp);
  const wanted = Object.entries(commands).filter(([name]) => name === named || !Object.hasOwn(commands, named));
  for (const add of await Promise.all(wanted.map(([, load]) => load()))) add(program);
  program.hook('preAction', async (_program, command) => {
    (await import('./warn-unknown-variables.ts')).warnUnknownVariables(command);
  });
  for (const command of withSubcommands(program)) {
    // Errors are reported in one place, by main.
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  return program;
}

function withSubcommands(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withSubcommands)];
}

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}
