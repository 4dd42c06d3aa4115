import { tmpdir } from 'node:os';
import { resolve } from 'node:path';
import { LedgerError } from '../../errors.ts';
import { runShell } from './run-command.ts';
import type { ServerAccount } from './server-account.ts';

/** Where temporary directories may be made, the preferred one first. */
export function temporaryPlaces(): string[] {
  return [...new Set([tmpdir(), '/var/tmp', '/tmp'].map((place) => resolve(place)))];
}

/**
 * The first temporary place in which the account may create and remove; failing that, one that it can at least enter.
 * @throws LedgerError TASKLEDGER_EMBEDDED_FAILED
 */
export async function chooseTemporaryPlace(account: ServerAccount | undefined): Promise<string> {
  const places = temporaryPlaces();
  const script = `for place; do [ -d "$place" ] && [ -w "$place" ] && [ -x "$place" ] && { printf %s "$place"; exit; }; done
    for place; do [ -d "$place" ] && [ -x "$place" ] && { printf %s "$place"; exit; }; done`;
  const { output } = await runShell(script, places, account);
  if (output !== '') return output;
  throw new LedgerError('TASKLEDGER_EMBEDDED_FAILED', {
    expected: `a temporary directory that ${account?.name ?? 'this user'} can enter`,
    found: `none among ${places.join(', ')}`,
    remedy: 'Set TMPDIR to one, or choose a data directory',
  });
}
