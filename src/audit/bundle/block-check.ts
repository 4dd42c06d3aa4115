import { HINT_BYTES, leafHints } from '../../events/blocks/tick.ts';
import { checkHeader } from '../../events/blocks/check-block.ts';
import type { SiteKeys, StoredBlock } from '../../events/blocks/stored-block.ts';
import { leafHash } from '../../events/leaf-hash.ts';
import { placeOf } from '../../events/members.ts';
import { HASH_BYTES, merkleRoot, rootFromPath } from '../../events/merkle.ts';
import { formatPosition } from '../../events/position.ts';
import type { BundleFindings } from './bundle-findings.ts';
import type { EventLine } from './bundle-format.ts';
import { columnsOfCloudEvent, contradictionIn } from './cloud-event.ts';

/** Most missing events of a bundle that are looked for: members that were made up may be more than there are numbers to count. */
const missingMax = 10_000;
const notSealed = 'is not the one that was sealed';

/** Checks one block of a bundle and the events that follow it: all of them, or some with a path each. */
export class BlockCheck {
  readonly block: StoredBlock;
  readonly #whole: boolean;
  readonly #hinted: boolean;
  readonly #findings: BundleFindings;
  readonly #line: number;
  readonly #leaves: Buffer[] = [];
  readonly #lines: number[] = [];
  readonly #seqs: Generator<bigint>;
  #complete = true;
  #expected: bigint | undefined;

  constructor(
    block: StoredBlock,
    { whole, hinted, line }: { whole: boolean; hinted: boolean; line: number },
    findings: BundleFindings,
  ) {
    this.block = block;
    this.#whole = whole;
    this.#hinted = hinted;
    this.#findings = findings;
    this.#line = line;
    this.#seqs = seqsOf(block);
    this.#advance();
  }

  /** Hash, signature, count, and the link to the block before where that is in the bundle too. */
  header(keys: SiteKeys, prevHash: string | undefined): void {
    for (const finding of checkHeader(this.block, keys, prevHash)) {
      if ('why' in finding) this.#wrongBlock(`does not verify: ${finding.why}`);
    }
  }

  event({ event, path }: EventLine, line: number): void {
    const { site } = this.block.header;
    const seq = BigInt(event.seq);
    const position = { site: event.site, seq };
    const wrong = (why: string): void => {
      this.#findings.add(line, 'event', formatPosition(position), why);
    };
    const contradiction = contradictionIn(event);
    if (contradiction !== undefined) wrong(`${notSealed}: ${contradiction}`);
    if (contradiction !== undefined) this.#complete = false;
    const leaf = leafHash(columnsOfCloudEvent(event));
    if (this.#whole) {
      if (path !== undefined) wrong('has a path, which whole blocks do without');
      if (event.site === site && this.#follows(seq)) this.#keep(leaf, line);
      else {
        this.#complete = false;
        wrong(`is not named by block ${this.block.header.number} of ${site}, is there twice, or is out of its order`);
      }
      return;
    }
    const place = event.site === site ? placeOf(this.block.members, seq) : undefined;
    if (place === undefined) wrong(`is not named by block ${this.block.header.number} of ${site}`);
    else if (this.#rootWith(leaf, place, path ?? []) !== this.block.header.root && contradiction === undefined) {
      wrong(`${notSealed} in block ${this.block.header.number} of ${site}`);
    }
  }

  /** After the last event of the block. */
  end(): void {
    if (!this.#whole) return;
    this.#missingUntil(undefined);
    // What is missing or says itself that it is another one was named already, and the root cannot tell more.
    if (!this.#complete) return;
    const leaves = Buffer.concat(this.#leaves);
    const { root } = this.block.header;
    if (merkleRoot(leaves).toString('hex') === root) {
      if (this.#hinted && !leafHints(leaves).equals(this.block.leafHints))
        this.#wrongBlock('has leaf hints that are not those of its events');
      return;
    }
    if (this.#altered() === 0) this.#wrongBlock('has a root that is not that of its events');
  }

  #rootWith(leaf: Buffer, place: number, path: readonly string[]): string | undefined {
    const siblings = path.map((hash) => Buffer.from(hash, 'hex'));
    return rootFromPath(leaf, place, this.block.header.event_count, siblings)?.toString('hex');
  }

  #keep(leaf: Buffer, line: number): void {
    this.#leaves.push(leaf);
    this.#lines.push(line);
  }

  /** True when `seq` is the next member, or a later one: those in between are missing. */
  #follows(seq: bigint): boolean {
    this.#missingUntil(seq);
    if (this.#expected !== seq) return false;
    this.#advance();
    return true;
  }

  /** Names the members before `seq`, or to the end, that the bundle does not hold. */
  #missingUntil(seq: bigint | undefined): void {
    const { site, number } = this.block.header;
    while (this.#expected !== undefined && (seq === undefined || this.#expected < seq)) {
      this.#complete = false;
      if (this.#findings.count >= missingMax) return;
      const position = formatPosition({ site, seq: this.#expected });
      this.#findings.add(this.#line, 'event', position, `is missing from block ${number}`);
      this.#advance();
    }
  }

  #advance(): void {
    const next = this.#seqs.next();
    this.#expected = next.done === true ? undefined : next.value;
  }

  /** Names the events whose leaf hash does not begin as the hints say. */
  #altered(): number {
    if (!this.#hinted) return 0;
    const seqs = [...seqsOf(this.block)];
    const altered = this.#leaves.flatMap((leaf, i) => {
      const hint = this.block.leafHints.subarray(i * HINT_BYTES, (i + 1) * HINT_BYTES);
      return leaf.length === HASH_BYTES && leaf.subarray(0, HINT_BYTES).equals(hint) ? [] : [i];
    });
    for (const i of altered) {
      const position = formatPosition({ site: this.block.header.site, seq: seqs[i] ?? 0n });
      this.#findings.add(
        this.#lines[i] ?? this.#line,
        'event',
        position,
        `${notSealed} in block ${this.block.header.number}`,
      );
    }
    return altered.length;
  }

  #wrongBlock(why: string): void {
    const { site, number } = this.block.header;
    this.#findings.add(this.#line, 'block', `block ${number} of ${site}`, why);
  }
}

function* seqsOf({ members }: StoredBlock): Generator<bigint> {
  for (const [first, last] of members) for (let seq = first; seq <= last; seq += 1n) yield seq;
}
