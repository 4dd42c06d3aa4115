import type { Command } from 'commander';
import { LedgerError } from '../../errors.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { integer } from '../parse-options.ts';
import { openTerminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';

interface RepairOptions extends ConnectionOptions {
  readonly block?: number;
}

export function addSiteRepair(site: Command): void {
  connecting(site.command('repair'))
    .description('make the blocks of a stream that do not prove here right, from what a peer has of them')
    .argument('<stream>', 'the site whose stream it is; this one, too')
    .option('--block <n>', 'this block only, whatever is known of it', integer('--block', 1, Number.MAX_SAFE_INTEGER))
    .addHelpText(
      'after',
      `
The daemon does it within seconds, from the stream's own site or another one that has proven the block, and closes the
incident. The block itself says what is right: an event whose hash is the sealed one is never replaced, and nothing else can
take the place of one that is not. What was displaced is kept in taskledger.quarantine. Exits 1 when there was nothing to order.`,
    )
    .action(repair);
}

async function repair(stream: string, { block, ...options }: RepairOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  await withDatabase({ ...options, writing: true }, terminal, async ({ pool }) => {
    const { rows } = await pool.query('select taskledger.order_repair($1, $2) as blocks', [stream, block ?? null]);
    const { blocks } = rows[0] as { blocks: number };
    if (blocks === 0) throw nothingToRepair(stream, block);
    if (terminal.json) terminal.object({ stream, blocks });
    else
      terminal.line(
        `Ordered: ${blocks} ${blocks === 1 ? 'block' : 'blocks'} of ${stream}. See: taskledger site status.`,
      );
  });
}

function nothingToRepair(stream: string, block: number | undefined): LedgerError {
  return new LedgerError('TASKLEDGER_NOT_FOUND', {
    expected:
      block === undefined ? `blocks of ${stream} that do not prove` : `block ${block} of ${stream}, not ordered yet`,
    found: 'none',
    remedy: 'Look at taskledger site status, or run taskledger audit verify',
  });
}
