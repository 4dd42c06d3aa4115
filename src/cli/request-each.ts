import type { Command } from 'commander';
import { LedgerError } from '../errors.ts';
import type { RequestAnswer, TaskStateName } from '../events/task-state.ts';
import type { LedgerCalls } from '../open-ledger.ts';
import { requireTaskId } from '../ledger/task-id.ts';
import { connecting, withLedger, type ConnectionOptions } from './connection.ts';
import { asLedgerError, errorText, exitStatus } from './report-error.ts';
import { openTerminal, type Terminal } from './terminal.ts';

export interface RequestOptions extends ConnectionOptions {
  readonly reason: string;
}

export interface Request {
  readonly ask: (ledger: LedgerCalls, id: string) => Promise<RequestAnswer>;
  /** Whether the state its owner answered means yes. */
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
  readonly ledger: LedgerCalls;
  readonly request: Request;
  readonly terminal: Terminal;
}

export type Verdict = 'granted' | 'refused' | 'requested';

/** Asks for one task and prints the answer. If it was refused the exit status is 1; `requested`: another site decides. */
export async function requestOne(id: string, asking: Asking): Promise<Verdict> {
  const { ledger, request, terminal } = asking;
  try {
    const state = await request.ask(ledger, id);
    if (state === 'requested') return await tellRequested(id, asking);
    const granted = request.granted(state);
    if (!granted) process.exitCode = exitStatus.refused;
    if (terminal.json) terminal.object({ id, state, granted });
    else terminal.line(`${id}  ${request.says(state)}`);
    return granted ? 'granted' : 'refused';
  } catch (error) {
    const known = asLedgerError(error);
    // What is wrong with one task is no reason to leave the others; a database that is away is.
    if (!(error instanceof LedgerError) || known.kind !== 'refused') throw error;
    process.exitCode = exitStatus.refused;
    process.stderr.write(`${errorText(known, terminal.json)}\n`);
    return 'refused';
  }
}

async function tellRequested(id: string, { ledger, terminal }: Asking): Promise<'requested'> {
  const owner = await ledger.ownerOf(id);
  if (terminal.json) terminal.object({ id, state: 'requested', granted: null, owner });
  else terminal.line(`${id}  asked; ${owner} decides`);
  return 'requested';
}
