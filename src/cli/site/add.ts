import type { Command } from 'commander';
import { systemClock } from '../../clock.ts';
import { LedgerError } from '../../errors.ts';
import { requireConnectionString } from '../../postgres/connection-string.ts';
import type { Problem } from '../../replication/join-problems.ts';
import { addPeerBothWays, checkJoin, missingPairs, type JoinCheck } from '../../replication/join.ts';
import { dropSlotsOf } from '../../replication/leave.ts';
import type { Transport } from '../../replication/peer.ts';
import { whenProven } from '../../replication/when-proven.ts';
import { connecting, connectionUrl, givenUrl, type ConnectionOptions } from '../connection.ts';
import { duration, oneOf } from '../parse-options.ts';
import { printable } from '../printable.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { withTwoSites } from './two-sites.ts';

interface AddOptions extends ConnectionOptions {
  readonly link?: string;
  readonly backLink?: string;
  readonly transport: Transport;
  readonly insecure?: boolean;
  readonly wait?: number;
}

const transports: readonly Transport[] = ['logical', 'pull'];

export function addSiteAdd(site: Command): void {
  connecting(site.command('add'))
    .description('make this site and another one peers, both ways; again: renew how they reach each other')
    .argument('<other>', 'database URL of the other site, for an operator; or @FILE that holds it, or -')
    .option(
      '--link <url>',
      'how the server and daemon of this site reach the other (default: the URL of the other site)',
    )
    .option('--back-link <url>', 'how those of the other site reach this one (default: the URL of this site)')
    .option(
      '--transport <way>',
      'logical: replicated by Postgres; pull: fetched by the daemons, where that is not allowed',
      oneOf('--transport', transports),
      'logical',
    )
    .option('--insecure', 'allow links that are not encrypted and checked, as on one machine')
    .option('--wait <duration>', 'wait until each has proven what the other had sealed', duration('--wait'))
    .addHelpText(
      'after',
      `
Both sites are looked at first; everything that stands in the way is listed, and then nothing is written. The users of the
links need the role taskledger_peer, and with transport logical the attribute REPLICATION: docs/guides/sites.md. A site that is
added fetches the whole history by itself, as soon as \`serve\` runs at both.`,
    )
    .action(add);
}

async function add(other: string, options: AddOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  const urls = await readUrls(other, options, terminal);
  const { transport, insecure = false, wait } = options;
  await withTwoSites([urls.here, urls.there], async (here, there) => {
    const joining = { here, there, link: urls.link, backLink: urls.backLink, transport };
    const check = await checkJoin({ ...joining, insecure });
    for (const warning of check.warnings) terminal.warn(warning);
    if (check.problems.length > 0) throw cannotJoin(check.problems, terminal);
    const { isNew, ...sites } = await addPeerBothWays(joining);
    if (transport === 'pull') {
      // Left of replication, if they replicated before.
      const patience = { clock: systemClock, patienceMs: 5000 };
      await dropSlotsOf(here, sites.there.site, patience);
      await dropSlotsOf(there, sites.here.site, patience);
    }
    if (wait !== undefined) await whenProven(here, there, { clock: systemClock, timeoutMs: wait });
    tell({ check, isNew, transport, proven: wait !== undefined }, terminal);
  });
}

interface Urls {
  readonly here: string;
  readonly there: string;
  readonly link: string;
  readonly backLink: string;
}

async function readUrls(other: string, options: AddOptions, terminal: Terminal): Promise<Urls> {
  const here = requireConnectionString(await connectionUrl(options.url, terminal));
  const there = requireConnectionString(await givenUrl(other, terminal, 'the URL of the other site'));
  const way = async (given: string | undefined, otherwise: string, option: string): Promise<string> =>
    given === undefined ? otherwise : requireConnectionString(await givenUrl(given, terminal, option));
  return {
    here,
    there,
    link: await way(options.link, there, '--link'),
    backLink: await way(options.backLink, here, '--back-link'),
  };
}

function cannotJoin(problems: readonly Problem[], terminal: Terminal): LedgerError {
  for (const { site, expected, found, remedy } of problems) {
    terminal.note(printable(`${site}: expected ${expected}; found ${found}.`));
    terminal.note(printable(`    ${remedy}.`));
  }
  return new LedgerError('TASKLEDGER_CANNOT_JOIN', {
    expected: 'two sites that can be peers',
    found: problems.length === 1 ? 'a problem' : `${problems.length} problems`,
    remedy: terminal.json
      ? 'Mend each of details.problems, then run the command again; nothing was changed'
      : 'Mend each of the above, then run the command again; nothing was changed',
    details: { problems },
  });
}

interface Told {
  readonly check: JoinCheck;
  readonly isNew: boolean;
  readonly transport: Transport;
  readonly proven: boolean;
}

function tell({ check, isNew, transport, proven }: Told, terminal: Terminal): void {
  const { here, there } = check;
  const missing = missingPairs(here, there);
  if (terminal.json) {
    terminal.object({ site: here.label, peer: there.label, transport, new: isNew, proven, missing_pairs: missing });
    return;
  }
  const { bold } = terminal.colors;
  terminal.line(
    isNew
      ? `Sites ${bold(here.label)} and ${bold(there.label)} are peers now, transport ${transport}.`
      : `Sites ${bold(here.label)} and ${bold(there.label)} were peers already; how they reach each other is renewed.`,
  );
  if (proven) terminal.line('Each has proven what the other had sealed.');
  else terminal.note('Their daemons (taskledger serve) do the rest; look at it with: taskledger site status --watch');
  for (const [one, another] of missing) {
    terminal.note(`Sites ${one} and ${another} are no peers of each other yet; every two must be. Next:`);
    terminal.note(`    taskledger site add URL-OF-${another.toUpperCase()} --url URL-OF-${one.toUpperCase()}`);
  }
}
