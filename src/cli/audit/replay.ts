import type { Command } from 'commander';
import { systemClock } from '../../clock.ts';
import { replay, type Replayed } from '../../projections/replay.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { jsonLine, printableStart } from '../printable.ts';
import { exitStatus } from '../report-error.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';

/** Longest row shown, in characters; `--json` shows all of it. */
const rowMax = 2000;

export function addReplay(audit: Command): void {
  connecting(audit.command('replay'))
    .description('compute every projection again from the first block, and compare it with the live one')
    .addHelpText(
      'after',
      `
For an operator: the new rows are kept beside the live ones while it runs. Readers notice nothing. The tables of open tasks are
compared by \`taskledger rebuild --check\`. Exit status 1: something differs; the first row of each projection that does is shown.`,
    )
    .action(async (options: ConnectionOptions) => {
      const terminal = openTerminal(options.json ?? false);
      await withDatabase({ ...options, writing: true }, terminal, async ({ pool }) => {
        const startedAt = systemClock.monotonic();
        const session = await pool.connect();
        let differences = 0;
        try {
          for await (const replayed of replay(session)) {
            if (replayed.difference !== null) differences += 1;
            tell(replayed, terminal);
          }
        } finally {
          session.release();
        }
        const seconds = Number(((systemClock.monotonic() - startedAt) / 1000).toFixed(3));
        if (terminal.json) terminal.object({ differences, seconds });
        else
          terminal.line(
            differences === 0 ? `No difference, in ${seconds} s.` : `${differences} of the projections differ.`,
          );
        if (differences > 0) process.exitCode = exitStatus.refused;
      });
    });
}

function tell({ projection, blocks, rows, difference }: Replayed, terminal: Terminal): void {
  if (terminal.json) {
    terminal.object({ projection, blocks, rows, difference });
    return;
  }
  terminal.line(
    `${projection}: ${rows} rows from ${blocks} blocks, ${difference === null ? 'all as they are live' : 'NOT as they are live'}`,
  );
  if (difference === null) return;
  const shown = (row: unknown): string => (row === null ? 'no such row' : printableStart(jsonLine(row), rowMax));
  terminal.line(`  ${difference.table}, live:     ${shown(difference.live)}`);
  terminal.line(`  ${difference.table}, replayed: ${shown(difference.replayed)}`);
}
