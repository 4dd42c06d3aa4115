/** What is wrong with a bundle, and where. */
export interface BundleFinding {
  /** Line of the file, from 1. */
  readonly line: number;
  readonly what: 'event' | 'block' | 'key' | 'bundle';
  /** `ams/17`, `block 3 of ams`, `key … of ams`, or empty. */
  readonly where: string;
  /** What does not fit, to follow the name: "is not the one that was sealed". */
  readonly why: string;
}

/** Most findings that are kept; the rest is counted. */
const keptMax = 100;

/** Findings in the order they were made, bounded. */
export class BundleFindings {
  readonly kept: BundleFinding[] = [];
  count = 0;

  add(line: number, what: BundleFinding['what'], where: string, why: string): void {
    this.count += 1;
    if (this.kept.length < keptMax) this.kept.push({ line, what, where, why });
  }
}
