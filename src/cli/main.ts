import { CommanderError } from 'commander';
import { createProgram } from './program.ts';
import { asLedgerError, errorText, exitStatus } from './report-error.ts';

/** Before the options have been read, or when they could not be. */
const json = process.argv.includes('--json');

function report(error: unknown): void {
  const known = asLedgerError(error);
  process.exitCode = exitStatus[known.kind];
  process.stderr.write(`${errorText(known, json)}\n`);
}

function crash(error: unknown): void {
  report(error);
  process.exit();
}

process.on('uncaughtException', crash);
process.on('unhandledRejection', crash);
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever read our output has seen enough (`| head`). What was started ends with this process.
    if (error.code === 'EPIPE') process.exit(process.exitCode ?? 0);
    crash(error);
  });
}

try {
  const named = process.argv.slice(2).find((argument) => !argument.startsWith('-'));
  await (await createProgram(named)).parseAsync();
} catch (error) {
  // Help and version are printed by then, and are what was asked for.
  if (!(error instanceof CommanderError && error.exitCode === 0)) report(error);
}
// A handlers module may hold connections open for as long as the process lives. What was written is flushed first.
process.stdout.write('', () => process.exit());
