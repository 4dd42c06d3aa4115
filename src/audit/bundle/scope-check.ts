import type { StoredBlock } from '../../events/blocks/stored-block.ts';
import { formatPosition } from '../../events/position.ts';
import type { BundleFindings } from './bundle-findings.ts';
import type { BundleScope } from './bundle-format.ts';
import type { CloudEvent } from './cloud-event.ts';

/** Checks that a bundle holds what it says it holds, no less and no more. */
export class ScopeCheck {
  readonly #scope: BundleScope;
  readonly #findings: BundleFindings;
  /** Decisions of the task: epoch and version. */
  readonly #versions: [epoch: number, version: number][] = [];
  #range = 0;
  #next: bigint | undefined;
  #events = 0;

  constructor(scope: BundleScope, findings: BundleFindings) {
    this.#scope = scope;
    this.#findings = findings;
  }

  /** The next block: in a range, the one that follows. */
  block({ header }: StoredBlock, line: number): void {
    if (this.#scope.kind !== 'range') return;
    const where = `block ${header.number} of ${header.site}`;
    while (this.#scope.ranges[this.#range]?.site !== header.site) {
      if (this.#range >= this.#scope.ranges.length) {
        this.#findings.add(line, 'block', where, 'is not in the range of the bundle, or not in its place');
        return;
      }
      this.#endRange(line);
    }
    const range = this.#scope.ranges[this.#range];
    this.#next ??= BigInt(range?.from ?? 0);
    this.#missing(header.site, header.number, line);
    if (header.number < this.#next || header.number > BigInt(range?.to ?? 0)) {
      this.#findings.add(line, 'block', where, 'is there twice, or not in the range of the bundle');
    }
    this.#next = header.number + 1n;
  }

  event(event: CloudEvent, line: number): void {
    this.#events += 1;
    const position = formatPosition({ site: event.site, seq: BigInt(event.seq) });
    const scope = this.#scope;
    if (scope.kind === 'event' && (event.site !== scope.site || event.seq !== scope.seq)) {
      this.#findings.add(line, 'event', position, 'is not the one this bundle is about');
    }
    if (scope.kind !== 'task') return;
    if (event.subject !== scope.task_id)
      this.#findings.add(line, 'event', position, 'is not of the task of this bundle');
    else if (event.version !== undefined) this.#versions.push([event.epoch, event.version]);
  }

  end(line: number): void {
    const scope = this.#scope;
    if (scope.kind === 'range') while (this.#range < scope.ranges.length) this.#endRange(line);
    if (scope.kind === 'event' && this.#events !== 1) {
      this.#findings.add(line, 'bundle', '', `holds ${this.#events} events instead of the one it is about`);
    }
    if (scope.kind === 'task') this.#checkVersions(scope.versions, line);
  }

  #endRange(line: number): void {
    const range = this.#scope.kind === 'range' ? this.#scope.ranges[this.#range] : undefined;
    if (range !== undefined) {
      this.#next ??= BigInt(range.from);
      this.#missing(range.site, BigInt(range.to) + 1n, line);
    }
    this.#range += 1;
    this.#next = undefined;
  }

  /** Names the blocks of the range before `until` that are not there. A made-up range names none one by one. */
  #missing(site: string, until: bigint, line: number): void {
    const from = this.#next ?? until;
    if (from >= until) return;
    const where = until - from === 1n ? `block ${from} of ${site}` : `blocks ${from} to ${until - 1n} of ${site}`;
    this.#findings.add(line, 'block', where, until - from === 1n ? 'is missing' : 'are missing');
    this.#next = until;
  }

  /** Versions run on from 1; after a takeover they may begin anew below where the lost site had come. */
  #checkVersions(versions: number, line: number): void {
    this.#versions.sort(([epochA, a], [epochB, b]) => epochA - epochB || a - b);
    let [epoch, last] = [0, 0];
    for (const [nextEpoch, next] of this.#versions) {
      const follows = next === last + 1 || (nextEpoch > epoch && next >= 1 && next <= last);
      if (!follows) this.#findings.add(line, 'bundle', '', `lacks versions of the task: ${next} follows ${last}`);
      [epoch, last] = [nextEpoch, next];
    }
    const highest = this.#versions.reduce((most, [, version]) => Math.max(most, version), 0);
    if (highest !== versions)
      this.#findings.add(line, 'bundle', '', `ends with version ${highest} instead of ${versions}`);
  }
}
