import type { Command } from 'commander';
import { systemClock } from '../../clock.ts';
import { chosenBlocks, exportBlocks, type BlockChoice } from '../../audit/export.ts';
import { exportTask } from '../../audit/prove.ts';
import { LedgerError } from '../../errors.ts';
import { requireTaskId } from '../../ledger/task-id.ts';
import type { Queryable } from '../../postgres/queryable.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { integer, momentOption } from '../parse-options.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';
import { payloadsOption, type BundleOptions } from './bundle-options.ts';
import { tellWritten, writeBundle } from './write-bundle.ts';

interface ExportOptions extends ConnectionOptions, BundleOptions {
  readonly task?: string;
  readonly site?: string;
  readonly from?: number;
  readonly to?: number;
  readonly since?: Date;
  readonly until?: Date;
}

const blockNumber = (option: string): ((text: string) => number) => integer(option, 1, Number.MAX_SAFE_INTEGER);

export function addExport(audit: Command): void {
  payloadsOption(connecting(audit.command('export')))
    .description('events with their proof, one JSON object a line, to be checked offline with verify-bundle')
    .option('--task <id>', 'the events of one task')
    .option('--site <name>', 'whole blocks of this site (default: of every site)')
    .option('--from <block>', 'from this block of the site', blockNumber('--from'))
    .option('--to <block>', 'up to this block of the site', blockNumber('--to'))
    .option(
      '--since <time>',
      'blocks sealed since then: ISO 8601 with its offset, or 2h for two hours ago',
      momentOption('--since', systemClock, true),
    )
    .option('--until <time>', 'blocks sealed up to then', momentOption('--until', systemClock, true))
    .option('--out <file>', 'write it to a new file (default: stdout)')
    .addHelpText(
      'after',
      `
Whole blocks show that nothing in between is missing. A task shows its versions without a gap up to the last one sealed; that
nothing was requested from another site meanwhile, only whole blocks show.`,
    )
    .action(exportBundle);
}

async function exportBundle(options: ExportOptions): Promise<void> {
  requireOneKind(options);
  const terminal = openTerminal(options.json ?? false);
  await withDatabase(options, terminal, async ({ pool }) => {
    const lines = await chosenLines(pool, options, terminal);
    tellWritten(options.out, await writeBundle(lines, options.out), terminal);
  });
}

async function chosenLines(db: Queryable, options: ExportOptions, terminal: Terminal): Promise<AsyncIterable<string>> {
  const withheld = options.payloads === 'withheld';
  if (options.task !== undefined) return exportTask(db, requireTaskId(options.task), { withheld });
  const ranges = await chosenBlocks(db, choiceOf(options));
  for (const { site, from, to } of ranges) terminal.note(`${site}: blocks ${from} to ${to}`);
  return exportBlocks(db, ranges, { withheld });
}

function choiceOf({ site, from, to, since, until }: ExportOptions): BlockChoice {
  return {
    site,
    since,
    until,
    from: from === undefined ? undefined : BigInt(from),
    to: to === undefined ? undefined : BigInt(to),
  };
}

function requireOneKind({ task, site, from, to, since, until }: ExportOptions): void {
  const range = [site, from, to, since, until].some((option) => option !== undefined);
  const numbersAlone = (from !== undefined || to !== undefined) && site === undefined;
  if (!numbersAlone && (task === undefined || !range)) return;
  throw new LedgerError('TASKLEDGER_USAGE', {
    expected: 'either --task, or a range: --site with --from and --to, or --since and --until; nothing for everything',
    found: numbersAlone ? '--from or --to without --site' : 'both',
    remedy: 'For everything of a site: taskledger audit export --site NAME',
  });
}
