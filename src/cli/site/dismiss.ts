import type { Command } from 'commander';
import { LedgerError } from '../../errors.ts';
import { parsePosition } from '../../events/position.ts';
import { requireReason } from '../../ledger/reason.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { openTerminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';

interface DismissOptions extends ConnectionOptions {
  readonly reason: string;
}

export function addSiteDismiss(site: Command): void {
  connecting(site.command('dismiss'))
    .description('close an incident that somebody has looked into')
    .argument('<incident>', 'where it was raised, as site status prints it: ams/17')
    .requiredOption('--reason <text>', 'what came of it, for the history')
    .addHelpText(
      'after',
      `
An incident about a block that does not prove closes by itself when the block is repaired, and is not dismissed. Exits 1 when it
was closed already.`,
    )
    .action(dismiss);
}

async function dismiss(incident: string, { reason, ...options }: DismissOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  const { site, seq } = parsePosition(incident);
  const why = requireReason(reason);
  await withDatabase({ ...options, writing: true }, terminal, async ({ pool }) => {
    const { rows } = await pool.query('select taskledger.dismiss_incident($1, $2, $3) as closed', [site, seq, why]);
    const { closed } = rows[0] as { closed: boolean };
    if (!closed) throw closedAlready(incident);
    if (terminal.json) terminal.object({ incident, closed });
    else terminal.line(`Incident ${incident} is closed.`);
  });
}

function closedAlready(incident: string): LedgerError {
  return new LedgerError('TASKLEDGER_NOT_FOUND', {
    expected: `an open incident ${incident}`,
    found: 'that it was closed already',
    remedy: 'See taskledger site status for those that are open',
  });
}
