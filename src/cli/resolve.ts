import type { Command } from 'commander';
import { LedgerError } from '../errors.ts';
import { decodePayload } from '../events/payload.ts';
import { connecting, withLedger, type ConnectionOptions } from './connection.ts';
import { oneOf } from './parse-options.ts';
import { openTerminal } from './terminal.ts';

const outcomes = ['completed', 'failed', 'rerun'] as const;

interface ResolveOptions extends ConnectionOptions {
  readonly outcome: (typeof outcomes)[number];
  readonly reason: string;
  readonly output?: string;
}

export function addResolve(program: Command): void {
  connecting(program.command('resolve'))
    .description('end the doubt about a protected task, once you know what really happened')
    .argument('<id>', 'task id')
    .requiredOption(
      '--outcome <outcome>',
      'completed (it was done), failed (it was not) or rerun',
      oneOf('--outcome', outcomes),
    )
    .requiredOption('--reason <reason>', 'how you know; it is recorded')
    .option('--output <json>', 'with completed: what it would have returned')
    .action(async (id: string, { outcome, reason, output, ...options }: ResolveOptions) => {
      const terminal = openTerminal(options.json ?? false);
      if (output !== undefined && outcome !== 'completed') {
        throw new LedgerError('TASKLEDGER_USAGE', {
          expected: '--output only with --outcome completed',
          found: `--outcome ${outcome}`,
          remedy: 'Leave --output out',
        });
      }
      const decoded = output === undefined ? {} : { output: decodePayload(output, 'the output') };
      await withLedger(options, terminal, async (ledger) => {
        const state = await ledger.resolve(id, { outcome, reason, ...decoded });
        if (terminal.json) terminal.object({ id, state });
        else terminal.line(`${id}  resolved: it is ${state}`);
      });
    });
}
