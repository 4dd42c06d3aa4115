import type { Command } from 'commander';
import { provenHistory, type ProofStatus } from '../../audit/task-history.ts';
import { requireTaskId, taskNotFound } from '../../ledger/task-id.ts';
import { eventJson } from '../as-json.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { historyLines } from '../history-lines.ts';
import { exitStatus } from '../report-error.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';

export function addHistory(audit: Command): void {
  connecting(audit.command('history'))
    .description('everything that happened to a task, each event with the block that proves it')
    .argument('<id>', 'task id')
    .addHelpText('after', '\nThe blocks of the task are checked. Exit status 1: one of them does not verify.')
    .action(async (id: string, options: ConnectionOptions) => {
      const terminal = openTerminal(options.json ?? false);
      await withDatabase(options, terminal, async ({ pool }) => {
        const history = await provenHistory(pool, requireTaskId(id));
        if (history.length === 0) throw taskNotFound(id);
        const lines = historyLines(
          history.map(({ event }) => event),
          terminal,
        );
        for (const [i, { event, proof }] of history.entries()) {
          if (terminal.json) terminal.object({ ...eventJson(event), proof: proofJson(proof) });
          else terminal.line(`${lines[i] ?? ''}  ${proofText(proof, terminal)}`);
        }
        if (history.some(({ proof }) => proof.status === 'not_verified')) process.exitCode = exitStatus.refused;
      });
    });
}

/** The proof of an event, to stand behind its sentence. */
function proofText(proof: ProofStatus, { colors }: Terminal): string {
  switch (proof.status) {
    case 'sealed':
      return colors.dim(`[sealed in block ${proof.block}]`);
    case 'not_sealed':
      return colors.yellow('[not sealed yet]');
    case 'not_verified':
      return colors.red(
        proof.altered
          ? `[ALTERED after it was sealed in block ${proof.block}]`
          : `[its block ${proof.block} does not verify]`,
      );
  }
}

function proofJson(proof: ProofStatus): object {
  if (proof.status === 'not_sealed') return { status: proof.status, block: null };
  const { status, block } = proof;
  return status === 'sealed' ? { status, block, sealed_at: proof.sealedAt } : { status, block, altered: proof.altered };
}
