import type { Command } from 'commander';
import { oneOf } from '../parse-options.ts';

/** What every command that writes a bundle takes. */
export interface BundleOptions {
  readonly payloads: 'included' | 'withheld';
  readonly out?: string;
}

/** Adds `--payloads`. */
export function payloadsOption(command: Command): Command {
  return command.option(
    '--payloads <included|withheld>',
    'withheld leaves data and context out and only their hashes in; the rest is proven all the same',
    oneOf('--payloads', ['included', 'withheld']),
    'included',
  );
}
