import { systemClock, type Clock } from '../clock.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Signals } from '../signals.ts';
import { connectForOneService } from '../postgres/service-connection.ts';
import { findLostBlock, type LostBlock } from './own-stream.ts';
import { readIdentity, readPeers, requirePeer, type Peer } from './peer.ts';
import { readStreamHeads, type StreamHead } from './stream-heads.ts';
import { takeBackBlocks, takeBackRest } from './take-back.ts';

interface RecoveryOptions {
  readonly clock: Clock;
  readonly signals: Signals;
}

interface Ends {
  readonly here: Queryable;
  readonly there: Queryable;
  /** The site at the other end. */
  readonly peer: string;
}

/**
 * What a peer is still to get itself is not waited for longer: nobody may have it any more. Checking blocks again will tell of
 * events that are missing.
 */
const patienceMs = 60_000;

/**
 * What a site does that was restored from an older state: its peers have blocks that it once sealed and has not. It takes no
 * commands until it has all of that back, from every peer: one that was not asked might have what nobody else has, and this
 * site would seal other blocks with the same numbers. One object for all links of a daemon.
 */
export class Recovery {
  readonly #options: RecoveryOptions;
  /** Peers that have given all they have. */
  readonly #asked = new Set<string>();
  /** Blocks that peers have under this site's name and it has not sealed: told once. */
  readonly #disputed = new Set<string>();
  /** Since when a peer was seen to be without something that it is to get. */
  readonly #incompleteSince = new Map<string, number>();
  #unsealed = 0;
  #usedSeq = 0n;

  constructor(options: RecoveryOptions) {
    this.#options = options;
  }

  /**
   * Takes back what the peer has of this site's own stream and this site has not, and opens the site again when this was the
   * last one. @throws whatever pg throws; what was taken back until then stays
   */
  async step(ends: Ends, theirs: ReadonlyMap<string, StreamHead>): Promise<void> {
    const { here } = ends;
    const lost = await findLostBlock(here, ends.there, theirs);
    if (lost !== undefined && lost !== 'unreadable') {
      if (lost.disputed !== undefined) await this.#dispute(ends, lost);
      // Not known to be lost yet. Should the site recover nevertheless, it must not be opened without this block.
      else if (!(await this.#takeBack(ends, lost))) return;
    }
    if (await isRecovering(here)) await this.#finish(ends, lost === 'unreadable');
    else this.#forget();
  }

  /** False while the block may be one that this site is sealing just now. */
  async #takeBack({ here, there, peer }: Ends, lost: LostBlock): Promise<boolean> {
    if (!(await beginRecovery(here, lost))) return false;
    this.#options.signals.emit('site.recovering', { from: peer });
    if (lost.isForked) await here.query('select taskledger.give_up_blocks($1)', [String(lost.number)]);
    await takeBackBlocks(here, there, lost);
    return true;
  }

  async #finish({ here, there, peer }: Ends, isUnreadable: boolean): Promise<void> {
    const { events, missing, usedSeq } = await takeBackRest(here, there);
    this.#unsealed += events;
    if (usedSeq > this.#usedSeq) this.#usedSeq = usedSeq;
    if ((isUnreadable || missing > 0) && this.#isWorthWaitingFor(peer)) return;
    this.#asked.add(peer);
    const peers = (await readPeers(here)).map(({ site }) => site);
    if (!peers.every((site) => this.#asked.has(site))) return;
    const values = [peers, this.#unsealed, String(this.#usedSeq)];
    const { rows } = await here.query('select taskledger.end_recovery($1, $2, $3) as incarnation', values);
    const { incarnation } = rows[0] as { incarnation: number | null };
    this.#forget();
    if (incarnation !== null) this.#options.signals.emit('site.recovered', { incarnation });
  }

  #isWorthWaitingFor(peer: string): boolean {
    const now = this.#options.clock.monotonic();
    const since = this.#incompleteSince.get(peer) ?? now;
    this.#incompleteSince.set(peer, since);
    return now - since < patienceMs;
  }

  #forget(): void {
    this.#asked.clear();
    this.#incompleteSince.clear();
    this.#unsealed = 0;
    this.#usedSeq = 0n;
  }

  /** Nothing is taken that this site has not signed: who can write at a peer must not be able to stop this site, or fill its stream. */
  async #dispute({ here, peer }: Ends, { site, number, hash, disputed }: LostBlock): Promise<void> {
    const name = `${peer} ${number} ${hash}`;
    // Nothing can be recorded while it recovers: it will be found again.
    if (this.#disputed.has(name) || (await isRecovering(here))) return;
    const summary = `Site ${peer} has a block ${number} of site ${site} that is not one this site has sealed: ${disputed}.`;
    const details = JSON.stringify({ peer, site, block: String(number), hash });
    await here.query('select taskledger.raise_incident($1, $2, $3)', ['disputed_block', summary, details]);
    this.#disputed.add(name);
    this.#options.signals.emit('block.disputed', { peer, block: String(number), summary });
  }
}

/** False while the block may be one that this site is sealing just now. */
async function beginRecovery(here: Queryable, { number, hash }: LostBlock): Promise<boolean> {
  const { rows } = await here.query(
    "select coalesce(taskledger.begin_recovery($1, decode($2, 'hex')), false) as begun",
    [String(number), hash],
  );
  return (rows[0] as { begun: boolean }).begun;
}

/** Whether this site is recovering. */
export async function isRecovering(here: Queryable): Promise<boolean> {
  const { rows } = await here.query('select recovering from taskledger.site_identity()', []);
  return (rows[0] as { recovering: boolean }).recovering;
}

/** A peer that takes longer to answer is away, as far as a start is concerned. */
const askMs = 2000;

/**
 * Asks every peer, before this site seals its first block, whether it has blocks that this site has lost: it would seal others
 * under their numbers. Peers that are away are not waited for: a site must be able to work alone. If it was restored, and one
 * of them has more, that is found when it is back, and those blocks are given up (give_up_blocks).
 * @throws whatever pg throws, of this site
 */
export async function askPeersAboutUs(connectionString: string): Promise<void> {
  const here = await connectForOneService(connectionString, 'taskledger link');
  try {
    for (const lost of await Promise.all((await readPeers(here)).map((peer) => askPeer(here, peer)))) {
      if (typeof lost === 'object' && lost.disputed === undefined) await beginRecovery(here, lost);
    }
  } finally {
    await here.end();
  }
}

async function askPeer(here: Queryable, peer: Peer): ReturnType<typeof findLostBlock> {
  const ask = async (): ReturnType<typeof findLostBlock> => {
    const there = await connectForOneService(peer.url, 'taskledger link', askMs);
    try {
      requirePeer(peer, await readIdentity(there));
      return await findLostBlock(here, there, await readStreamHeads(there));
    } finally {
      await there.end();
    }
  };
  const answered = new AbortController();
  try {
    const tooLate = systemClock.sleep(askMs, answered.signal).then(() => undefined);
    return await Promise.race([ask().catch(() => undefined), tooLate]);
  } finally {
    answered.abort();
  }
}
