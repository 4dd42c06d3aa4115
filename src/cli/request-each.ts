import type { Command } from 'commander';
import { LedgerError } from '../errors.ts';
import type { TaskStateName } from '../events/task-state.ts';
import type { Ledger } from '../open-ledger.ts';
import { requireTaskId } from '../ledger/task-id.ts';
import { connecting, withLedger, type ConnectionOptions } from './connection.ts';
import { asLedgerError, errorText, exitStatus } from './report-error.ts';
import { openTerminal, type Terminal } from './terminal.ts';

export interface RequestOptions extends ConnectionOptions {
  readonly reason: string;
}

export interface Request {
  readonly ask: (ledger: Ledger, id: string) => Promise<TaskStateName>;
  /** Whether the state that was answered means yes. */
  readonly granted: (state: TaskStateName) => boolean;
  readonly says: (state: TaskStateName) => string;
}

/** A command that asks the same of several tasks, and says why. */
export function requesting(command: Command): Command {
  return connecting(command)
    .argument('<id...>', 'task ids')
    .requiredOption('--reason <reason>', 'why; it is recorded with the request');
}

/**
 * Asks for each task in turn, printing one line each; one that is refused or not known does not keep the others from being
 * asked, and makes the exit status 1. Ids of the wrong form are found before anything is asked.
 */
export async function requestEach(ids: readonly string[], options: RequestOptions, request: Request): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  const tasks = ids.map(requireTaskId);
  await withLedger(options, terminal, async (ledger) => {
    for (const id of tasks) await requestOne(id, { ledger, request, terminal });
  });
}

export interface Asking {
  readonly ledger: Ledger;
  readonly request: Request;
  readonly terminal: Terminal;
}

/** Asks for one task and prints the answer. @returns whether it was granted; if not, the exit status is 1 */
export async function requestOne(id: string, { ledger, request, terminal }: Asking): Promise<boolean> {
  try {
    const state = await request.ask(ledger, id);
    const granted = request.granted(state);
    if (!granted) process.exitCode = exitStatus.refused;
    if (terminal.json) terminal.object({ id, state, granted });
    else terminal.line(`${id}  ${request.says(state)}`);
    return granted;
  } catch (error) {
    const known = asLedgerError(error);
    // What is wrong with one task is no reason to leave the others; a database that is away is.
    if (!(error instanceof LedgerError) || known.kind !== 'refused') throw error;
    process.exitCode = exitStatus.refused;
    process.stderr.write(`${errorText(known, terminal.json)}\n`);
    return false;
  }
}
