import type { Command } from 'commander';
import { currentHeads } from '../../audit/heads.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { renderTable } from '../render-table.ts';
import { openTerminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';

export function addHeads(audit: Command): void {
  connecting(audit.command('heads'))
    .description('the last block of each site: keep it outside, where the operator of the database cannot change it')
    .addHelpText(
      'after',
      `
Keep what --json prints. Given to \`audit verify --against FILE\` or \`verify-bundle --against FILE\` it proves that nothing up
to these blocks was changed since, not even by somebody who has the database and the key of the site.`,
    )
    .action(async (options: ConnectionOptions) => {
      const terminal = openTerminal(options.json ?? false);
      await withDatabase(options, terminal, async ({ pool }) => {
        const heads = await currentHeads(pool);
        if (terminal.json) for (const head of heads) terminal.object(head);
        else if (heads.length === 0) terminal.line('No block is sealed yet.');
        else {
          const head = ['site', 'block', 'sealed at', 'hash', 'key'];
          const rows = heads.map((each) => [each.site, each.number, each.sealed_at, each.hash, each.key_id]);
          terminal.line(renderTable({ head, rows, align: ['left', 'right'] }, terminal));
        }
      });
    });
}
