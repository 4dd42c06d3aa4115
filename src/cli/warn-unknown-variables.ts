import type { Command } from 'commander';
import { unknownVariables } from '../config.ts';
import { openTerminal } from './terminal.ts';

/** Says once, before a command runs, which variables of the environment look like settings of ours and are none. */
export function warnUnknownVariables(command: Command): void {
  const unknown = unknownVariables().sort();
  if (unknown.length === 0) return;
  const { json } = command.opts<{ json?: boolean }>();
  openTerminal(json ?? false).warn(`no setting of this release, and without effect: ${unknown.join(', ')}`);
}
