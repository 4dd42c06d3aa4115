import type { Finding } from '../events/blocks/check-block.ts';

/** Most findings that are kept; the rest is counted: a log of millions may be altered from end to end. */
const keptMax = 1000;

/** Findings in the order they were made, bounded. */
export class KeptFindings {
  readonly kept: Finding[] = [];
  count = 0;

  add(findings: readonly Finding[]): void {
    this.count += findings.length;
    this.kept.push(...findings.slice(0, keptMax - this.kept.length));
  }
}
