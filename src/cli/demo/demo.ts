import type { Command } from 'commander';
import { systemClock } from '../../clock.ts';
import { integer } from '../parse-options.ts';
import { stopSignals } from '../stop-signals.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { runAlteredHistory } from './altered-history.ts';
import { openDemoSite, type DemoSite } from './demo-site.ts';
import { printEnding, printSummary } from './print-ending.ts';
import { runStory } from './story.ts';
import { takeInventory } from './verify-states.ts';

interface DemoOptions {
  readonly tasks: number;
  readonly keep?: boolean;
  readonly json?: boolean;
}

const siteName = 'ams';
const ticketsMax = 1_000_000;

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'see it work: a real PostgreSQL in a temporary directory, a day of work from beginning to end, no traces left',
    )
    .option('--tasks <n>', 'how many small tasks', integer('--tasks', 0, ticketsMax), 2000)
    .option('--keep', 'keep the site running afterwards, until told to stop, and print its URL')
    .option('--json', 'last line of stdout: one JSON object')
    .action(demo);
}

async function demo(options: DemoOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  using wish = stopSignals(systemClock);
  const startedAtMs = systemClock.monotonic();
  if (!terminal.json) terminal.line(terminal.colors.dim('Starting PostgreSQL in a temporary directory …'));
  const site = await openDemoSite(siteName);
  try {
    const told = play(site, options, terminal, startedAtMs);
    const interrupted = await Promise.race([told.then(() => false), wish.first.then(() => true)]);
    if (interrupted) {
      // What is still going on fails when its site is taken away, and that is nobody's fault.
      told.catch(() => undefined);
      terminal.note('Interrupted; cleaning up.');
    } else if (options.keep === true) {
      await wish.first;
    }
  } finally {
    await site.close();
  }
}

async function play(site: DemoSite, options: DemoOptions, terminal: Terminal, startedAtMs: number): Promise<void> {
  const seconds = (): string => ((systemClock.monotonic() - startedAtMs) / 1000).toFixed(1).padStart(5);
  const tell = (sentence: string): void => {
    if (!terminal.json) terminal.line(`${terminal.colors.dim(`${seconds()} s`)}  ${sentence}`);
  };
  tell(`Site ${siteName} is there, on PostgreSQL ${site.server.version}.`);
  const { chapters, paymentId } = await runStory(site, options.tasks, tell);
  const altered = await runAlteredHistory(site, paymentId, tell);
  const counted = await takeInventory(site);
  const inventory = { ...counted, verified: counted.verified && altered.verified };
  const keptUrl = options.keep === true ? site.server.url : undefined;
  if (!inventory.verified || !inventory.converged) process.exitCode = 1;
  const ending = {
    chapters: [...chapters, altered.chapter],
    inventory,
    site: siteName,
    seconds: Number(seconds()),
    keptUrl,
  };
  if (terminal.json) printSummary(ending, terminal);
  else printEnding({ ...ending, history: await site.ledger.history(paymentId) }, terminal);
}
