import type { StoredBlock } from '../../events/blocks/stored-block.ts';
import { keyIdOf } from '../../events/signature.ts';
import type { Head } from '../heads.ts';
import { BlockCheck } from './block-check.ts';
import { BundleFindings, type BundleFinding } from './bundle-findings.ts';
import {
  blockOfLine,
  lineSchema,
  type Beginning,
  type BlockLine,
  type BundleLine,
  type BundleScope,
  type EndLine,
  type EventLine,
  type KeyLine,
} from './bundle-format.ts';
import type { CloudEvent } from './cloud-event.ts';
import { readBundleLines, type ReadLine } from './bundle-lines.ts';
import { BundleOrigin, type Origin } from './bundle-origin.ts';
import { ScopeCheck } from './scope-check.ts';

export interface BundleReport {
  /** Undefined when the file is no bundle. */
  readonly scope: BundleScope | undefined;
  readonly payloads: 'included' | 'withheld' | undefined;
  readonly blocks: number;
  readonly events: number;
  /** Empty when the bundle is consistent, and comes from where the kept heads say. The first 100. */
  readonly findings: readonly BundleFinding[];
  readonly findingCount: number;
  /** How the origin of each site's blocks is known. */
  readonly origin: Readonly<Record<string, Origin>>;
}

/**
 * Verifies a bundle with nothing but itself and, if given, heads that were kept outside. In memory: one line, and the leaf
 * hashes of one block.
 */
export async function verifyBundle(
  chunks: AsyncIterable<Buffer>,
  { against }: { readonly against?: readonly Head[] | undefined } = {},
): Promise<BundleReport> {
  const check = new BundleCheck(against);
  for await (const line of readBundleLines(chunks)) check.line(line);
  return check.end();
}

/** Goes through the lines of a bundle: the beginning, keys, blocks each with its events, the end. */
class BundleCheck {
  readonly #findings = new BundleFindings();
  readonly #origin: BundleOrigin;
  readonly #keys = new Map<string, Map<string, Buffer>>();
  #beginning: Beginning | undefined;
  #scope: ScopeCheck | undefined;
  #block: BlockCheck | undefined;
  #before: StoredBlock | undefined;
  #ended = false;
  #lines = 0;
  #blocks = 0;
  #events = 0;

  constructor(against: readonly Head[] | undefined) {
    this.#origin = new BundleOrigin(against, this.#findings);
  }

  line(read: ReadLine): void {
    this.#lines = read.number;
    const line = parseLine(read.text);
    if (line === undefined) this.#wrong(`line ${read.number} is not a line of a bundle, whole and as it was written`);
    else if (this.#ended) this.#wrong(`line ${read.number} comes after the end`);
    else if ('taskledger_bundle' in line) this.#begin(line);
    else if (this.#beginning === undefined) this.#wrong(`line ${read.number} comes before the beginning`);
    else if ('key' in line) this.#key(line.key);
    else if ('block' in line) this.#beginBlock(line.block);
    else if ('event' in line) this.#event(line);
    else this.#end(line.end, read);
  }

  end(): BundleReport {
    if (this.#lines === 0) this.#wrong('the file is empty');
    else if (!this.#ended) this.#wrong('the end is missing: the file was cut off');
    return {
      scope: this.#beginning?.scope,
      payloads: this.#beginning?.payloads,
      blocks: this.#blocks,
      events: this.#events,
      origin: this.#origin.end(),
      findings: this.#findings.kept,
      findingCount: this.#findings.count,
    };
  }

  #begin(line: Beginning): void {
    if (this.#beginning !== undefined) {
      this.#wrong('it begins a second time');
      return;
    }
    this.#beginning = line;
    this.#scope = new ScopeCheck(line.scope, this.#findings);
  }

  #key({ site, key_id, public_key }: KeyLine): void {
    const key = Buffer.from(public_key, 'hex');
    const where = `key ${key_id} of ${site}`;
    if (keyIdOf(key) !== key_id) this.#findings.add(this.#lines, 'key', where, 'has another fingerprint');
    if (this.#blocks > 0) this.#findings.add(this.#lines, 'key', where, 'comes after blocks, not before');
    const ofSite = this.#keys.get(site) ?? new Map<string, Buffer>();
    this.#keys.set(site, ofSite.set(key_id, key));
  }

  #beginBlock(line: BlockLine): void {
    this.#block?.end();
    this.#block = undefined;
    const block = blockOfLine(line);
    if (block === undefined) {
      this.#findings.add(
        this.#lines,
        'block',
        `block ${line.number} of ${line.site}`,
        'has members that are not ascending ranges',
      );
      return;
    }
    this.#blocks += 1;
    const hinted = line.leaf_hints !== undefined;
    const whole = this.#beginning?.scope.kind === 'range';
    this.#block = new BlockCheck(block, { whole, hinted, line: this.#lines }, this.#findings);
    this.#block.header(this.#keys, this.#hashBefore(block));
    this.#scope?.block(block, this.#lines);
    this.#origin.block(block, this.#keys.get(line.site)?.get(block.keyId), this.#lines);
    this.#before = block;
  }

  /** The hash the block must name as that of the one before, when that one is in the bundle. */
  #hashBefore({ header }: StoredBlock): string | undefined {
    const before = this.#before;
    const follows = before?.header.site === header.site && before.header.number + 1n === header.number;
    return follows ? before.hash : undefined;
  }

  #event(line: EventLine): void {
    this.#events += 1;
    if (this.#block === undefined) this.#wrong(`line ${this.#lines} is an event without a block`);
    this.#block?.event(line, this.#lines);
    this.#scope?.event(line.event, this.#lines);
    const payloads = this.#beginning?.payloads;
    if (payloads !== undefined && !holdsAsSaid(line.event, payloads)) {
      this.#findings.add(this.#lines, 'event', line.event.id, `has payloads that are not ${payloads}`);
    }
  }

  #end({ blocks, events, sha256 }: EndLine, read: ReadLine): void {
    this.#block?.end();
    this.#scope?.end(this.#lines);
    this.#ended = true;
    if (blocks !== this.#blocks) this.#wrong(`it holds ${this.#blocks} blocks, and says ${blocks}`);
    if (events !== this.#events) this.#wrong(`it holds ${this.#events} events, and says ${events}`);
    if (read.before() !== sha256) this.#wrong('its lines are not those it was written with, or not in their order');
  }

  #wrong(why: string): void {
    this.#findings.add(this.#lines, 'bundle', '', why);
  }
}

/** Data and context are both there, or both withheld: a context that is left out alone would say nothing of itself. */
function holdsAsSaid({ data_base64, context, contexthash }: CloudEvent, payloads: 'included' | 'withheld'): boolean {
  if (payloads === 'withheld') return data_base64 === undefined && context === undefined;
  return data_base64 !== undefined && (context === undefined) === (contexthash === undefined);
}

/** A line of the form there is, in the one spelling there is: a second key of one name, or a space, could show readers something else. */
function parseLine(text: string | undefined): BundleLine | undefined {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (JSON.stringify(value) !== text) return undefined;
  const parsed = lineSchema.safeParse(value);
  return parsed.success ? parsed.data : undefined;
}
