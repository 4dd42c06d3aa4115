import type { Command } from 'commander';
import { findingFacts } from '../../audit/finding-facts.ts';
import { headOf } from '../../audit/heads.ts';
import { verifyLog, type VerifyProgress, type VerifyReport } from '../../audit/verify.ts';
import { systemClock } from '../../clock.ts';
import { LedgerError } from '../../errors.ts';
import type { Queryable } from '../../postgres/queryable.ts';
import { connecting, type ConnectionOptions } from '../connection.ts';
import { integer } from '../parse-options.ts';
import { percentText } from '../progress-bar.ts';
import { exitStatus } from '../report-error.ts';
import { keepHeapSmall } from '../small-heap.ts';
import { openTerminal, type Terminal } from '../terminal.ts';
import { withDatabase } from '../with-database.ts';
import { keptHeads } from './kept-heads.ts';
import { ResumeFile } from './resume-file.ts';
import { findingPlace, tellFinding } from './tell-finding.ts';

interface VerifyCommandOptions extends ConnectionOptions {
  readonly site?: string;
  readonly against?: string;
  readonly resume?: string;
  readonly connections: number;
}

/** Findings told one by one without `--json`; the rest is counted. */
const toldMax = 100;

export function addVerify(audit: Command): void {
  connecting(audit.command('verify'))
    .description('verify that every event is the one that was sealed, and every block follows the one before')
    .option('--site <name>', 'only the events of this site')
    .option('--against <file>', 'heads that were kept outside, as audit heads --json prints them')
    .option('--resume <file>', 'keep in this file how far it came, and go on from there')
    .option('--connections <n>', 'database connections to read with', integer('--connections', 1, 64), 2)
    .addHelpText(
      'after',
      `
Reads only. Exit status 1: something is not as it was sealed; each event or block is named, of one block the first 100, in all the
first 1000. With --resume the blocks that an earlier run found right are not read again, so that changes made to them since stay
unseen: now and then verify all of it. Blocks of another site that are still on their way here are counted, not verified.`,
    )
    .action(verify);
}

async function verify(options: VerifyCommandOptions): Promise<void> {
  const terminal = openTerminal(options.json ?? false);
  const against = await keptHeads(options.against);
  const resume = options.resume === undefined ? undefined : await ResumeFile.open(options.resume, systemClock);
  const { site, connections } = options;
  await withDatabase({ ...options, connections }, terminal, async ({ pool }) => {
    keepHeapSmall();
    const startedAt = systemClock.monotonic();
    const bar = progressLine(terminal);
    const onProgress = (progress: VerifyProgress): void => {
      resume?.progress(progress.site, progress.upTo);
      bar.show(progress);
    };
    const report = await verifyLog(pool, { site, against, connections, resume: resume?.state, onProgress });
    bar.clear();
    await resume?.close();
    if (report.sites.length === 0) throw unknownSite(site);
    await tell(report, { pool, seconds: (systemClock.monotonic() - startedAt) / 1000, terminal });
    if (report.findingCount > 0) process.exitCode = exitStatus.refused;
  });
}

interface Telling {
  readonly pool: Queryable;
  readonly seconds: number;
  readonly terminal: Terminal;
}

async function tell(report: VerifyReport, { pool, seconds, terminal }: Telling): Promise<void> {
  const { findings } = report;
  for (const finding of terminal.json ? findings : findings.slice(0, toldMax)) {
    const sentence = tellFinding(finding, await findingFacts(pool, finding));
    if (terminal.json) terminal.object({ ...finding, finding: finding.kind, place: findingPlace(finding), sentence });
    else terminal.line(terminal.colors.red(sentence));
  }
  if (report.findingCount > toldMax && !terminal.json)
    terminal.line(`… and ${report.findingCount - toldMax} more; --json names the first 1000.`);
  if (terminal.json) terminal.object(reportJson(report, seconds));
  else for (const line of summaryLines(report, seconds)) terminal.line(line);
}

function total(report: VerifyReport, what: 'blocks' | 'events' | 'unsealed'): number {
  return report.sites.reduce((sum, site) => sum + site[what], 0);
}

function reportJson(report: VerifyReport, seconds: number): object {
  const events = total(report, 'events');
  return {
    verified: report.findingCount === 0,
    findings: report.findingCount,
    blocks: total(report, 'blocks'),
    events,
    unsealed: total(report, 'unsealed'),
    seconds: Number(seconds.toFixed(3)),
    events_per_second: Math.round(events / seconds),
    anchored: report.anchored,
    sites: report.sites.map(({ site, blocks, events: count, unsealed, oldestUnsealed, arriving, head }) => ({
      site,
      blocks,
      events: count,
      unsealed,
      arriving,
      oldest_unsealed: oldestUnsealed?.toISOString() ?? null,
      head: head === undefined ? null : { number: headOf(head, undefined).number, hash: head.hash, key_id: head.keyId },
    })),
  };
}

function summaryLines(report: VerifyReport, seconds: number): string[] {
  const events = total(report, 'events');
  const rate = `${events} events in ${total(report, 'blocks')} blocks, ${seconds.toFixed(1)} s, ${Math.round(events / seconds)} events/s`;
  const { findingCount } = report;
  const verdict =
    findingCount === 0
      ? `Nothing was altered: ${rate}.`
      : `NOT as it was sealed: ${findingCount} finding${findingCount === 1 ? '' : 's'}. Looked at ${rate}.`;
  return [verdict, ...report.sites.flatMap((site) => openEnds(site, report.anchored))];
}

/** What a site's verification could not exclude. */
function openEnds(
  { site, unsealed, oldestUnsealed, arriving, head }: VerifyReport['sites'][number],
  anchored: readonly string[],
): string[] {
  const since = oldestUnsealed === undefined ? '' : `, the oldest of ${oldestUnsealed.toISOString()}`;
  return [
    unsealed === 0 ? '' : `${site}: ${unsealed} events are in no block yet and prove nothing${since}.`,
    arriving === 0 ? '' : `${site}: ${arriving} blocks are on their way from there, and were not verified.`,
    head === undefined || anchored.includes(site)
      ? ''
      : `${site}: not excluded without a head kept outside: that its end was cut off, or all of it rewritten and sealed again. See: taskledger audit heads.`,
  ].filter((line) => line !== '');
}

/** Percent of the blocks, on a terminal, in one line that is written over. */
function progressLine({ styled }: Terminal): { show: (progress: VerifyProgress) => void; clear: () => void } {
  if (!styled || !process.stderr.isTTY) return { show: () => undefined, clear: () => undefined };
  return {
    show: ({ site, upTo, events, head }) => {
      const part = Number(upTo.number) / Number(head);
      process.stderr.write(`\r\u001b[K${site}: ${percentText(part)}, ${events} events`);
    },
    clear: () => process.stderr.write('\r\u001b[K'),
  };
}

function unknownSite(site = ''): LedgerError {
  return new LedgerError('TASKLEDGER_NOT_FOUND', {
    expected: `a site ${JSON.stringify(site)} in this database`,
    found: 'none',
    remedy: 'Name one of: taskledger audit heads',
  });
}
