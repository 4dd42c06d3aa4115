import type { Finding } from '../events/blocks/check-block.ts';

/** Named in a summary; and kept with the incident. */
const named = 3;
const kept = 20;

/** What an incident says about a block that does not prove: a sentence, and the findings as JSON text. */
export function tellFindings(
  site: string,
  block: bigint,
  findings: readonly Finding[],
): { readonly summary: string; readonly details: string } {
  const more = findings.length - named;
  const told = findings.slice(0, named).map(tell).join('; ') + (more > 0 ? `; and ${more} more` : '');
  return {
    summary: `Block ${block} of site ${site} is not as it was sealed: ${told}.`,
    details: JSON.stringify({ site, block, findings: findings.slice(0, kept) }, (_key, value: unknown) =>
      typeof value === 'bigint' ? String(value) : value,
    ),
  };
}

function tell(finding: Finding): string {
  switch (finding.kind) {
    case 'event_altered':
      return `event ${finding.site}/${finding.seq} was altered`;
    case 'event_missing':
      return `event ${finding.site}/${finding.seq} is missing`;
    case 'event_extra':
      return `event ${finding.site}/${finding.seq} was put into the past`;
    case 'event_twice':
      return `event ${finding.site}/${finding.seq} is in two blocks`;
    case 'block_missing':
      return 'the block is missing';
    case 'block_altered':
    case 'head_differs':
      return finding.why;
  }
}
