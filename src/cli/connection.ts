import type { Command } from 'commander';
import { readConfig } from '../config.ts';
import { LedgerError } from '../errors.ts';
import { openLedgerCalls, type LedgerCalls } from '../open-ledger.ts';
import { findDevUrl } from './dev-place.ts';
import { readGivenFile, readInput } from './read-input.ts';
import type { Terminal } from './terminal.ts';

/** What every command that talks to a database takes. */
export interface ConnectionOptions {
  readonly url?: string;
  readonly json?: boolean;
}

const urlHelp =
  'database URL, @FILE that holds it, or - to read it from stdin (default: TASKLEDGER_DATABASE_URL, else what `taskledger dev` runs in this directory)';

/** Adds `--url` and `--json` to a command. */
export function connecting(command: Command): Command {
  return command.option('--url <url>', urlHelp).option('--json', 'print JSON, one object per line');
}

/**
 * The connection string to use: `--url`, else the environment, else the server `taskledger dev` runs here.
 * @throws LedgerError TASKLEDGER_INVALID_OPTION, TASKLEDGER_INVALID_URL
 */
export async function connectionUrl(url: string | undefined, terminal: Terminal): Promise<string> {
  if (url !== undefined) return await givenUrl(url, terminal);
  const fromEnvironment = readConfig('TASKLEDGER_DATABASE_URL');
  if (fromEnvironment !== undefined) return fromEnvironment;
  const found = await findDevUrl(process.cwd());
  if (found.url !== undefined) return found.url;
  throw new LedgerError('TASKLEDGER_INVALID_URL', {
    expected: 'a database to be named',
    found:
      found.silent === undefined
        ? 'neither --url nor TASKLEDGER_DATABASE_URL, and no `taskledger dev` in this directory'
        : `only ${found.silent}, whose server does not answer`,
    remedy: 'Set TASKLEDGER_DATABASE_URL, pass --url, or start one here with: taskledger dev',
  });
}

/** Opens the ledger, lends it to `work`, which runs no tasks, and closes it. */
export async function withLedger(
  options: ConnectionOptions,
  terminal: Terminal,
  work: (ledger: LedgerCalls) => Promise<void>,
): Promise<void> {
  const connectionString = await connectionUrl(options.url, terminal);
  const ledger = await openLedgerCalls({ connectionString, maxConnections: 2 });
  try {
    await work(ledger);
  } finally {
    await ledger.close();
  }
}

/**
 * A URL from the command line: itself, the content of `@FILE`, or with `-` what stdin holds.
 * @param option - what it was given as, for a warning about a password that others can see
 */
export async function givenUrl(given: string, terminal: Terminal, option = '--url'): Promise<string> {
  if (given === '-') return (await readInput(process.stdin, 'the database URL on stdin')).trim();
  if (given.startsWith('@')) return (await readGivenFile(given.slice(1), 'the database URL')).trim();
  if (holdsPassword(given)) {
    terminal.warn(
      option === '--url'
        ? 'other users of this machine can see the password in --url; use TASKLEDGER_DATABASE_URL, --url @FILE or --url -'
        : `other users of this machine can see the password in ${option}; give @FILE or - instead`,
    );
  }
  return given;
}

function holdsPassword(given: string): boolean {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  return url !== undefined && (url.password !== '' || url.searchParams.has('password'));
}
