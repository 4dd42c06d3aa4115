import type { Command } from 'commander';
import { systemClock } from '../../clock.ts';
import { readPluginProblems } from '../../ledger/offered.ts';
import { readUnoffered } from '../../ledger/unoffered.ts';
import { readSiteStatus } from '../../replication/status.ts';
import { askAgain } from '../ask-again.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { exitStatus } from '../report-error.ts';
import { stopSignals } from '../stop-signals.ts';
import { openTerminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';
import { statusJson } from './status-json.ts';
import { statusText } from './tell-status.ts';
import { unofferedJson, unofferedLines } from './tell-unoffered.ts';

interface StatusOptions extends ConnectionOptions {
  readonly watch?: boolean;
}

export function addSiteStatus(site: Command): void {
  connecting(site.command('status'))
    .description('the site and its peers: sealed, shipped, proven, and what is not yet; tasks that no runner takes')
    .option('--watch', 'look again each second, until told to stop')
    .addHelpText(
      'after',
      `
Exit status 0 when every peer answers and every site has proven what the others recorded, but for the last 60 s; else 1.
Without peers it is 0.`,
    )
    .action(status);
}

const everyMs = 1000;
const clearScreen = '\u001b[H\u001b[2J';

async function status({ watch = false, ...options }: StatusOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  await withDatabase(options, terminal, async ({ pool }) => {
    const look = async (): Promise<boolean> => {
      const found = await readSiteStatus(pool);
      process.exitCode = found.inSync ? 0 : exitStatus.refused;
      const waiting = { unoffered: await readUnoffered(pool, found.site), problems: await readPluginProblems(pool) };
      if (terminal.json) terminal.object({ ...statusJson(found), ...unofferedJson(waiting) });
      else {
        const lines = [statusText(found, terminal), ...unofferedLines(waiting, terminal)];
        terminal.line(`${watch && terminal.styled ? clearScreen : ''}${lines.join('\n')}`);
      }
      return !watch;
    };
    if (!watch) {
      await look();
      return;
    }
    using wish = stopSignals(systemClock);
    const stopping = new AbortController();
    void wish.first.then(() => stopping.abort());
    await askAgain(look, { terminal, clock: systemClock, stopped: stopping.signal, everyMs });
  });
}
