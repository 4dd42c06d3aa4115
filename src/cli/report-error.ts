import { CommanderError } from 'commander';
import { LedgerError, type ErrorKind } from '../errors.ts';
import { jsonLine, printable } from './printable.ts';
import { withoutSecrets } from './without-secrets.ts';

/** What the process exits with; 0 is for everything that was done. */
export const exitStatus: Readonly<Record<ErrorKind, number>> = { refused: 1, usage: 2, unreachable: 3, fault: 4 };

/** Whatever was thrown, as the error a user sees: what nobody expected becomes TASKLEDGER_INTERNAL. */
export function asLedgerError(error: unknown): LedgerError {
  if (error instanceof LedgerError) return error;
  if (error instanceof CommanderError) return usageError(error);
  const { name, message, stack } = error instanceof Error ? error : new Error(String(error));
  return new LedgerError('TASKLEDGER_INTERNAL', {
    expected: 'the command to work or to say why not',
    found: withoutSecrets(`${name}: ${message}`),
    remedy: 'Please report it, with what you ran',
    cause: error,
    details: { stack: withoutSecrets(stack ?? '') },
  });
}

/** The error as stderr shows it: one JSON object, or three lines (and the stack of what is our own fault). */
export function errorText(error: LedgerError, json: boolean): string {
  if (json) return withoutSecrets(jsonLine(error.toJSON()));
  const stack = error.code === 'TASKLEDGER_INTERNAL' ? stackLines(error) : [];
  return [
    `taskledger: expected ${printable(error.expected)}`,
    `            found ${printable(error.found)}`,
    `            ${printable(error.remedy)}. [${error.code}]`,
    ...stack.map((line) => `            ${printable(line)}`),
  ]
    .map(withoutSecrets)
    .join('\n');
}

function stackLines(error: LedgerError): string[] {
  const stack = error.details?.['stack'];
  return (typeof stack === 'string' ? stack : '')
    .split('\n')
    .slice(1, 12)
    .map((line) => line.trim());
}

/** Commander's own complaints: `error: unknown option '--x'`, sometimes with `(Did you mean --y?)`. */
function usageError({ message, code }: CommanderError): LedgerError {
  const [complaint = '', ...hints] = message.replace(/^error: /, '').split('\n');
  const hint = hints.join(' ').replace(/^\((.*)\)$/, '$1');
  return new LedgerError('TASKLEDGER_USAGE', {
    expected: 'a command and options it offers',
    found: code === 'commander.help' ? 'no command' : complaint,
    remedy: `${hint === '' ? '' : `${hint} `}See: taskledger --help`,
  });
}
