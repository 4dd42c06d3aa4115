import type { Command } from 'commander';
import { proveEvent } from '../../audit/prove.ts';
import { parsePosition } from '../../events/position.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { openTerminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';
import { payloadsOption, type BundleOptions } from './bundle-options.ts';
import { tellWritten, writeBundle } from './write-bundle.ts';

export function addProve(audit: Command): void {
  payloadsOption(connecting(audit.command('prove')))
    .description('the proof of one event: the event, its path to the signed block, the public key')
    .argument('<event>', 'position of the event, as history prints it: ams/17')
    .option('--out <file>', 'write it to a new file (default: stdout)')
    .action(async (event: string, options: ConnectionOptions & BundleOptions) => {
      const terminal = openTerminal(options.json ?? false);
      const position = parsePosition(event);
      await withDatabase(options, terminal, async ({ pool }) => {
        const lines = proveEvent(pool, position, { withheld: options.payloads === 'withheld' });
        tellWritten(options.out, await writeBundle(lines, options.out), terminal);
      });
    });
}
