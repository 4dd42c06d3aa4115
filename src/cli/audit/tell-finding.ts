import type { FindingFacts } from '../../audit/finding-facts.ts';
import type { Finding } from '../../events/blocks/check-block.ts';
import { formatPosition } from '../../events/position.ts';
import { printable } from '../printable.ts';

/** A finding as a sentence for somebody who is no programmer. Everything in it is safe to print. */
export function tellFinding(finding: Finding, facts: FindingFacts): string {
  const block = `${'block' in finding ? `block ${finding.block} of site ${printable(finding.site)}` : ''}${sealed(facts)}`;
  switch (finding.kind) {
    case 'event_altered':
      return `Event ${eventName(finding, facts)} is not the one that was sealed in ${block}: it was changed afterwards.`;
    case 'event_missing':
      return `Event ${eventName(finding, facts)} is gone: it was sealed in ${block}, and deleted afterwards.`;
    case 'event_extra':
      return `Event ${eventName(finding, facts)} was put into the past: it lies before events that are sealed, and no block names it.`;
    case 'event_twice':
      return `Event ${eventName(finding, facts)} is named by ${block}, and by an earlier one too.`;
    case 'block_altered':
      return `${capital(block)} is not as it was sealed: ${printable(finding.why)}.`;
    case 'block_missing':
      return finding.last === undefined
        ? `${capital(block)} is gone.`
        : `Blocks ${finding.block} to ${finding.last} of site ${printable(finding.site)} are gone.`;
    case 'head_differs':
      return `${capital(block)} is not the one that was kept: ${printable(finding.why)}. The history up to it was replaced.`;
  }
}

/** `ams/17`, or the block: what somebody can look for. */
export function findingPlace(finding: Finding): string {
  return 'seq' in finding ? formatPosition(finding) : `${finding.site} block ${finding.block}`;
}

function eventName(finding: { readonly site: string; readonly seq: bigint }, { type, taskId }: FindingFacts): string {
  if (type === undefined) return printable(formatPosition(finding));
  const task = taskId === undefined ? '' : ` of task ${taskId}`;
  return `${printable(formatPosition(finding))} (${printable(type)}${task})`;
}

function sealed({ sealedAt }: FindingFacts): string {
  return sealedAt === undefined ? '' : ` at ${sealedAt}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
