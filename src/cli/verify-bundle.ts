import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import type { BundleFinding } from '../audit/bundle/bundle-findings.ts';
import type { Origin } from '../audit/bundle/bundle-origin.ts';
import { verifyBundle, type BundleReport } from '../audit/bundle/verify-bundle.ts';
import { keptHeads } from './audit/kept-heads.ts';
import { printable } from './printable.ts';
import { openGivenFile } from './read-input.ts';
import { exitStatus } from './report-error.ts';
import { openTerminal, type Terminal } from './terminal.ts';

interface VerifyBundleOptions {
  readonly against?: string;
  readonly json?: boolean;
}

export function addVerifyBundle(program: Command): void {
  program
    .command('verify-bundle')
    .description('verify what audit prove or audit export wrote, offline: no database, no network')
    .argument('<file>', 'the bundle')
    .option('--against <file>', 'heads that were kept outside, as audit heads --json prints them')
    .option('--json', 'print JSON, one object per line')
    .addHelpText(
      'after',
      `
Without --against the bundle is checked with the keys it brings along: that shows that it is consistent, not where it comes
from. Exit status 1: something does not fit; each event, block or line is named.`,
    )
    .action(async (file: string, options: VerifyBundleOptions) => {
      const terminal = openTerminal(options.json ?? false);
      const against = await keptHeads(options.against);
      const chunks = await openGivenFile(file, 'the bundle');
      const report = await verifyBundle(chunks as AsyncIterable<Buffer>, { against });
      const { size } = await stat(file);
      tell(report, { terminal, bytes: size });
      if (report.findingCount > 0) process.exitCode = exitStatus.refused;
    });
}

interface Telling {
  readonly terminal: Terminal;
  readonly bytes: number;
}

function tell(report: BundleReport, { terminal, bytes }: Telling): void {
  const { findings, findingCount, blocks, events, origin, scope, payloads } = report;
  for (const finding of findings) {
    if (terminal.json) terminal.object({ ...finding, sentence: sentence(finding) });
    else terminal.line(terminal.colors.red(sentence(finding)));
  }
  const verified = findingCount === 0;
  if (terminal.json) {
    terminal.object({
      verified,
      findings: findingCount,
      blocks,
      events,
      bytes,
      payloads: payloads ?? null,
      scope: scope ?? null,
      origin,
    });
    return;
  }
  if (findingCount > findings.length) terminal.line(`… and ${findingCount - findings.length} more.`);
  terminal.line(
    verified
      ? `The bundle is consistent: ${events} events, ${blocks} blocks, ${bytes} bytes.`
      : `The bundle does NOT verify: ${findingCount} finding${findingCount === 1 ? '' : 's'}.`,
  );
  if (!verified) return;
  terminal.line(scopeLine(report));
  for (const [site, how] of Object.entries(origin)) terminal.line(originLine(site, how));
}

function sentence({ line, what, where, why }: BundleFinding): string {
  if (what === 'bundle') return `Line ${line}: ${printable(why)}.`;
  const name = what === 'event' ? `event ${where}` : where;
  return `Line ${line}: ${printable(name)} ${printable(why)}.`;
}

function scopeLine({ scope }: BundleReport): string {
  switch (scope?.kind) {
    case 'task': {
      const later =
        scope.unsealed === 0 ? '' : ` ${scope.unsealed} of its events were in no block yet and are left out.`;
      return `Every version of task ${printable(scope.task_id)} from 1 to ${scope.versions} is there. That nothing came later, or was requested elsewhere, only whole blocks show.${later}`;
    }
    case 'event':
      return `It proves one event, ${printable(scope.site)}, seq ${scope.seq}, and says nothing of any other.`;
    case 'range':
      return `Every event of these blocks is there: ${scope.ranges.map(({ site, from, to }) => `${printable(site)} ${from} to ${to}`).join(', ')}.`;
    case undefined:
      return '';
  }
}

function originLine(site: string, how: Origin): string {
  const name = printable(site);
  switch (how) {
    case 'head':
      return `${name}: it is the history whose head was kept outside.`;
    case 'key':
      return `${name}: signed with the key kept outside. No kept head is among its blocks: another history signed with the same key is not excluded.`;
    case 'none':
      return `${name}: checked only with the key inside it, which proves consistency, not origin. Give heads kept outside with --against.`;
  }
}
