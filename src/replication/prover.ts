import type { Clock } from '../clock.ts';
import { checkEvents, checkHeader, recomputeBlocks, type Finding } from '../events/blocks/check-block.ts';
import { readSiteKeys } from '../events/blocks/stored-block.ts';
import { connectForOneService, type ServiceConnection } from '../postgres/service-connection.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Signals } from '../signals.ts';
import { Recheck } from './recheck.ts';
import { isRecovering } from './recovery.ts';
import { readStreamHeads, type StreamHead } from './stream-heads.ts';
import { tellFindings } from './tell-findings.ts';

interface ProverOptions {
  readonly connectionString: string;
  readonly clock: Clock;
  readonly signals: Signals;
}

const blocksPerStep = 16;
const busyMs = 50;
const idleMs = 200;
const idleLooks = 40;
/** A halted stream is looked at again this often: somebody may have repaired it. */
const haltedMs = 2000;
/** Proven blocks are checked again this often. */
const recheckMs = 5000;

/**
 * Recomputes each block that arrived from the rows that are stored here, and records how far that went well: what reads a
 * received stream reads up to there, and every site shows who has proven what of whom. A service of the daemon.
 * A block whose events are not all here yet is waited for; one that is complete and wrong stops that stream alone, loudly.
 */
export class Prover {
  readonly name = 'prove';
  readonly #options: ProverOptions;
  #connection: ServiceConnection | undefined;
  #isBehind = false;
  #looksWithoutBlocks = 0;
  readonly #recheck = new Recheck();
  #recheckAt = 0;
  readonly #lookAgainAt = new Map<string, number>();

  constructor(options: ProverOptions) {
    this.#options = options;
  }

  get everyMs(): number {
    if (this.#isBehind) return 0;
    return this.#looksWithoutBlocks < idleLooks ? busyMs : idleMs;
  }

  async stop(): Promise<void> {
    const connection = this.#connection;
    this.#connection = undefined;
    await connection?.end();
  }

  /** One step of every stream. @returns blocks proven @throws whatever pg throws */
  async runOnce(): Promise<number> {
    this.#isBehind = false;
    try {
      const db = await this.#connect();
      let proven = 0;
      for (const head of (await readStreamHeads(db)).values()) {
        proven += await (head.own ? this.#tellHead(db, head) : this.#prove(db, head));
      }
      if (!(await isRecovering(db))) await this.#lookBack(db);
      this.#looksWithoutBlocks = proven > 0 ? 0 : this.#looksWithoutBlocks + 1;
      return proven;
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Of the own stream the others are told how far it is sealed. */
  async #tellHead(db: Queryable, { site, number, hash }: StreamHead): Promise<number> {
    const { hash: told } = await provenMark(db, site);
    if (number === 0n || told === hash) return 0;
    await recordProof(db, site, number, hash);
    return 0;
  }

  async #prove(db: Queryable, { site, number, haltedAt }: StreamHead): Promise<number> {
    const { clock } = this.#options;
    if (haltedAt !== undefined && clock.monotonic() < (this.#lookAgainAt.get(site) ?? 0)) return 0;
    this.#lookAgainAt.set(site, clock.monotonic() + haltedMs);
    const mark = await provenMark(db, site);
    if (mark.number >= number) return 0;
    const keys = await readSiteKeys(db);
    let last = mark;
    const blocks = await recomputeBlocks(db, site, mark.number + 1n, mark.number + BigInt(blocksPerStep));
    for (const block of blocks) {
      const { header, hash, keyId } = block.block;
      const isNext = header.number === last.number + 1n;
      // What is still on its way, or has to be pulled.
      if (!isNext || keys.get(site)?.has(keyId) !== true) break;
      const findings = checkHeader(block.block, keys, last.number === 0n ? undefined : last.hash);
      if (findings.length === 0) {
        if (block.found < header.event_count) break;
        findings.push(...(await checkEvents(db, block)));
      }
      if (findings.length > 0) {
        await this.#halt(db, site, header.number, findings);
        break;
      }
      last = { number: header.number, hash };
    }
    const proven = Number(last.number - mark.number);
    if (proven === 0) return 0;
    await recordProof(db, site, last.number, last.hash);
    await this.#resume(db, site);
    this.#isBehind = proven === blocksPerStep;
    this.#options.signals.emit('block.proven', { stream: site, block: String(last.number), blocks: proven });
    return proven;
  }

  async #halt(db: Queryable, site: string, block: bigint, findings: readonly Finding[]): Promise<void> {
    const { summary, details } = tellFindings(site, block, findings);
    const values = [site, String(block), 'block_differs', summary, details];
    const { rows } = await db.query('select taskledger.halt_stream($1, $2, $3, $4, $5)::text as incident', values);
    const { incident } = rows[0] as { incident: string | null };
    if (incident !== null) this.#options.signals.emit('stream.halted', { stream: site, block: String(block), summary });
  }

  /** Tells of what went to quarantine, and checks blocks again that were right once. */
  async #lookBack(db: Queryable): Promise<void> {
    const { clock, signals } = this.#options;
    await db.query('select taskledger.report_quarantine()', []);
    if (clock.monotonic() < this.#recheckAt) return;
    this.#recheckAt = clock.monotonic() + recheckMs;
    const { faults, cleared } = await this.#recheck.run(db);
    for (const { site, block, summary } of faults)
      signals.emit('block.altered', { stream: site, block: String(block), summary });
    for (const { site, block } of cleared) signals.emit('block.restored', { stream: site, block: String(block) });
  }

  async #resume(db: Queryable, site: string): Promise<void> {
    const { rows } = await db.query('select taskledger.resume_stream($1, $2) as resumed', [
      site,
      'The block proves now.',
    ]);
    if ((rows[0] as { resumed: boolean }).resumed) this.#options.signals.emit('stream.resumed', { stream: site });
  }

  async #connect(): Promise<ServiceConnection> {
    if (this.#connection?.ended === false) return this.#connection;
    this.#connection = await connectForOneService(this.#options.connectionString, 'taskledger prover');
    return this.#connection;
  }
}

interface Mark {
  readonly number: bigint;
  readonly hash: string;
}

async function provenMark(db: Queryable, site: string): Promise<Mark> {
  const { rows } = await db.query(
    `select p.number::text as number, encode(p.hash, 'hex') as hash
       from taskledger.proofs p join taskledger.site s on s.name = p.by_site where p.of_site = $1`,
    [site],
  );
  const row = rows[0] as { number: string; hash: string } | undefined;
  return row === undefined ? { number: 0n, hash: '' } : { number: BigInt(row.number), hash: row.hash };
}

async function recordProof(db: Queryable, site: string, number: bigint, hash: string): Promise<void> {
  await db.query("select taskledger.record_proof($1, $2, decode($3, 'hex'))", [site, String(number), hash]);
}
