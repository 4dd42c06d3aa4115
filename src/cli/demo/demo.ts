import type { Command } from 'commander';
import { systemClock } from '../../clock.ts';
import { closeLocalSites } from '../local-site.ts';
import { integer } from '../parse-options.ts';
import { stopSignals } from '../stop-signals.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { runAlteredHistory } from './altered-history.ts';
import { openDemoSite, type DemoSite } from './demo-site.ts';
import { printEnding, printSummary } from './print-ending.ts';
import { runSeveralSites } from './several-sites.ts';
import { readSiteMarks } from './site-marks.ts';
import { runStory } from './story.ts';
import { takeInventory } from './verify-states.ts';

interface DemoOptions {
  readonly sites: number;
  readonly tasks: number;
  readonly keep?: boolean;
  readonly json?: boolean;
}

const siteNames: readonly string[] = ['ams', 'fra', 'lon'];
const ticketsMax = 1_000_000;

export function addDemo(program: Command): void {
  program
    .command('demo')
    .description(
      'see it work: a real PostgreSQL in a temporary directory, a day of work from beginning to end, no traces left',
    )
    .option(
      '--sites <n>',
      'how many datacenters, each with a PostgreSQL of its own',
      integer('--sites', 1, siteNames.length),
      2,
    )
    .option('--tasks <n>', 'how many small tasks', integer('--tasks', 0, ticketsMax), 2000)
    .option('--keep', 'keep the sites running afterwards, until told to stop, and print their URLs')
    .option('--json', 'last line of stdout: one JSON object')
    .action(demo);
}

async function demo(options: DemoOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  using wish = stopSignals(systemClock);
  const stopping = new AbortController();
  void wish.first.then(() => stopping.abort());
  const startedAtMs = systemClock.monotonic();
  if (!terminal.json) terminal.line(terminal.colors.dim('Starting PostgreSQL in a temporary directory …'));
  const [firstName = '', ...otherNames] = siteNames.slice(0, options.sites);
  const first = await openDemoSite(firstName);
  // They come about while the first one has its day.
  const others = Promise.allSettled(stopping.signal.aborted ? [] : otherNames.map(openDemoSite));
  try {
    const told = play(first, others.then(opened), { options, terminal, startedAtMs });
    const interrupted = await Promise.race([told.then(() => false), wish.first.then(() => true)]);
    if (interrupted) {
      // What is still going on fails when its sites are taken away, and that is nobody's fault.
      told.catch(() => undefined);
      terminal.note('Interrupted; cleaning up.');
    } else if (options.keep === true) {
      await wish.first;
    }
  } finally {
    const open = (await others).flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    await closeLocalSites([first, ...open]);
  }
}

/** @throws the first failure */
function opened(sites: readonly PromiseSettledResult<DemoSite>[]): DemoSite[] {
  return sites.map((site) => {
    if (site.status === 'rejected') throw site.reason;
    return site.value;
  });
}

interface Stage {
  readonly options: DemoOptions;
  readonly terminal: Terminal;
  readonly startedAtMs: number;
}

async function play(first: DemoSite, opening: Promise<DemoSite[]>, stage: Stage): Promise<void> {
  const { options, terminal, startedAtMs } = stage;
  opening.catch(() => undefined);
  const seconds = (): string => ((systemClock.monotonic() - startedAtMs) / 1000).toFixed(1).padStart(5);
  const tell = (sentence: string): void => {
    if (!terminal.json) terminal.line(`${terminal.colors.dim(`${seconds()} s`)}  ${sentence}`);
  };
  tell(`Site ${first.name} is there, on PostgreSQL ${first.server.version}.`);
  const { chapters, paymentId } = await runStory(first, options.tasks, tell);
  const sites: [DemoSite, ...DemoSite[]] = [first, ...(await opening)];
  const shipped = sites.length > 1 ? await runSeveralSites(sites, tell) : [];
  const altered = await runAlteredHistory(sites, paymentId, tell);
  const counted = await takeInventory(sites);
  const inventory = { ...counted, verified: counted.verified && altered.verified };
  if (!inventory.verified || !inventory.converged) process.exitCode = 1;
  const ending = {
    chapters: [...chapters, ...shipped, altered.chapter],
    inventory,
    sites: await Promise.all(sites.map(readSiteMarks)),
    seconds: Number(seconds()),
    urls: options.keep === true ? Object.fromEntries(sites.map(({ name, server }) => [name, server.url])) : undefined,
  };
  if (terminal.json) printSummary(ending, terminal);
  else printEnding({ ...ending, history: await first.ledger.history(paymentId) }, terminal);
}
