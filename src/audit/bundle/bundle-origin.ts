import type { StoredBlock } from '../../events/blocks/stored-block.ts';
import type { Head } from '../heads.ts';
import type { BundleFindings } from './bundle-findings.ts';

/** How the origin of a site's blocks is known: a kept head is one of them, they are signed with a kept key, or not at all. */
export type Origin = 'head' | 'key' | 'none';

interface Site {
  origin: Origin;
  last: bigint;
  /** The first of the blocks in a row that only a kept head further on can vouch for. */
  waiting: { readonly number: bigint; readonly line: number } | undefined;
}

/**
 * Where the blocks of a bundle come from, by the heads an auditor kept outside. A block is vouched for by a kept head that
 * it is, or that follows it link by link, or by its key, when that is the key of a kept head. Nothing else in a bundle can
 * say where it comes from: who makes up a history can make up a key.
 */
export class BundleOrigin {
  readonly #heads: readonly Head[] | undefined;
  readonly #findings: BundleFindings;
  readonly #sites = new Map<string, Site>();

  constructor(heads: readonly Head[] | undefined, findings: BundleFindings) {
    this.#heads = heads;
    this.#findings = findings;
  }

  /** The next block. @param publicKey the key in the bundle that its signature was checked with */
  block({ header, hash }: StoredBlock, publicKey: Buffer | undefined, line: number): void {
    const { site: name, number } = header;
    const site = this.#sites.get(name) ?? { origin: 'none', last: 0n, waiting: undefined };
    this.#sites.set(name, site);
    if (this.#heads === undefined) return;
    if (number !== site.last + 1n) this.#giveUp(name, site);
    site.last = number;
    const heads = this.#heads.filter((head) => head.site === name);
    const kept = heads.find((head) => BigInt(head.number) === number);
    const before = heads.find((head) => BigInt(head.number) === number - 1n);
    const where = `block ${number} of ${name}`;
    if (before !== undefined && before.hash !== header.prev_hash) {
      this.#findings.add(line, 'block', where, `does not follow block ${before.number} that was kept outside`);
    }
    if (kept !== undefined && kept.hash !== hash) {
      this.#findings.add(line, 'block', where, 'is not the block that was kept outside under this number');
    } else if (kept !== undefined) {
      site.origin = 'head';
      site.waiting = undefined;
    } else if (publicKey !== undefined && heads.some((head) => head.public_key === publicKey.toString('hex'))) {
      if (site.origin === 'none') site.origin = 'key';
    } else {
      site.waiting ??= { number, line };
    }
  }

  /** Every site of the bundle and how its origin is known. */
  end(): Record<string, Origin> {
    for (const [name, site] of this.#sites) this.#giveUp(name, site);
    return Object.fromEntries([...this.#sites].map(([name, { origin }]) => [name, origin]));
  }

  #giveUp(name: string, site: Site): void {
    if (site.waiting === undefined) return;
    const { number, line } = site.waiting;
    site.waiting = undefined;
    const why = 'is signed with a key that is not one kept outside, and no kept head follows it';
    this.#findings.add(line, 'block', `block ${number} of ${name}`, why);
  }
}
