import type { Command } from 'commander';
import { createProgram } from '../../../src/cli/program.ts';
import { exitStatus } from '../../../src/cli/report-error.ts';
import type { ErrorKind } from '../../../src/errors.ts';
import { table, writtenFrom, type ReferencePage } from './reference-page.ts';

const meanings: Readonly<Record<ErrorKind, string>> = {
  refused: 'the answer is no: not found, not allowed in this state, a verification that failed',
  usage: 'wrong usage or input',
  unreachable: 'the database or a site could not be reached',
  fault: 'our own fault',
};

/** What commander prints after the options; the text a command adds for its readers. */
function addedHelp(command: Command): string {
  let added = '';
  command.configureOutput({ writeOut: (text) => (added += text) });
  command.outputHelp();
  return added.slice(command.helpInformation().length).trim();
}

/** Every command by its whole name: `audit verify`, not `audit`. */
function namedCommands(command: Command, before = ''): { readonly name: string; readonly command: Command }[] {
  return command.commands.flatMap((each) => {
    const name = `${before}${each.name()}`;
    return each.commands.length === 0 ? [{ name, command: each }] : namedCommands(each, `${name} `);
  });
}

function section({ name, command }: { readonly name: string; readonly command: Command }): string[] {
  const help = command.createHelp();
  const added = addedHelp(command);
  const listed = help.visibleArguments(command).map((one) => [`\`<${one.name()}>\``, help.argumentDescription(one)]);
  const options = help
    .visibleOptions(command)
    .filter((one) => one.long !== '--help')
    .map((one) => [`\`${one.flags}\``, help.optionDescription(one)]);
  return [
    `## ${name}`,
    '',
    `\`${help.commandUsage(command)}\``,
    '',
    `${command.description()}.`,
    '',
    ...table(['option', 'meaning'], [...listed, ...options]),
    '',
    ...(added === '' ? [] : [added, '']),
  ];
}

export const commandLinePage: ReferencePage = {
  file: 'docs/reference/command-line.md',
  names: async () => namedCommands(await createProgram()).map(({ name }) => name),
  named: /^## ([\w -]+)$/gm,
  render: async () => {
    const program = await createProgram();
    return [
      '# Command line',
      '',
      writtenFrom('src/cli'),
      '',
      'The database is the one of `--url`, else of `TASKLEDGER_DATABASE_URL` ([configuration](config.md)), else the one',
      '`taskledger dev` runs in the present directory. With `--json` results are one JSON object a line on stdout, with',
      '64-bit numbers as strings, and errors one object on stderr with the codes of [errors](errors.md).',
      '',
      ...table(
        ['exit status', 'meaning'],
        [
          ['0', 'done; a graceful stop too'],
          ...Object.entries(exitStatus).map(([kind, status]) => [String(status), meanings[kind as ErrorKind]]),
        ],
      ),
      '',
      ...namedCommands(program).flatMap(section),
    ].join('\n');
  },
};
