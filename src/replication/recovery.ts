import { systemClock } from '../clock.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Signals } from '../signals.ts';
import { connectForOneService } from '../postgres/service-connection.ts';
import { readIdentity, readPeers, requirePeer, type Peer } from './peer.ts';
import { pullMissingBlocks } from './pull.ts';
import { repairBlock } from './repair-orders.ts';
import { readStreamHeads, type StreamHead } from './stream-heads.ts';

type StreamHeads = ReadonlyMap<string, StreamHead>;

/**
 * Takes back from a peer what it knows of this site's own stream and this site does not: after a backup was restored, say.
 * The site takes no commands meanwhile.
 * @returns events taken back
 * @throws whatever pg throws; what was taken back until then stays
 */
export async function takeBackOwnStream(here: Queryable, there: Queryable): Promise<number> {
  const own = [...(await readStreamHeads(here)).values()].find((head) => head.own);
  const theirs = own === undefined ? undefined : (await readStreamHeads(there)).get(own.site);
  if (own === undefined || theirs === undefined) return 0;
  let events = 0;
  for (let number = own.number + 1n; number <= theirs.number; number += 1n) {
    await pullMissingBlocks({ source: there, target: here, stream: own.site, from: number, to: number });
    events += await repairBlock(here, there, own.site, String(number));
  }
  return events;
}

/** Whether the peer knows more of this site's own stream than this site does. */
export function knowsMoreOfUs(ours: StreamHeads, theirs: StreamHeads): boolean {
  const own = [...ours.values()].find((head) => head.own);
  return own !== undefined && (theirs.get(own.site)?.number ?? 0n) > own.number;
}

/** Whether this site is recovering. */
export async function isRecovering(here: Queryable): Promise<boolean> {
  const { rows } = await here.query('select recovering from taskledger.site_identity()', []);
  return (rows[0] as { recovering: boolean }).recovering;
}

/**
 * Which peers a site that recovers has everything from. It is opened again once that is all of them: one that was not asked
 * might know blocks that nobody else does, and this site would seal others with the same numbers. One object per process.
 */
export class Recovery {
  readonly #asked = new Set<string>();

  /** Notes that this peer knows nothing more of this site's stream, and opens the site when it was the last one. */
  async hasAll(here: Queryable, peer: string, signals: Signals): Promise<void> {
    if (!(await isRecovering(here))) {
      this.#asked.clear();
      return;
    }
    this.#asked.add(peer);
    const peers = (await readPeers(here)).map(({ site }) => site);
    if (!peers.every((site) => this.#asked.has(site))) return;
    const { rows } = await here.query('select taskledger.end_recovery($1) as incarnation', [peers]);
    const { incarnation } = rows[0] as { incarnation: number | null };
    this.#asked.clear();
    if (incarnation !== null) signals.emit('site.recovered', { incarnation });
  }
}

/** A peer that takes longer to answer is away, as far as a start is concerned. */
const askMs = 2000;

/**
 * Asks every peer, before this site seals its first block, whether it knows more of this site's stream. A restored backup
 * would otherwise seal other events under the numbers of blocks that its peers have. Peers that are away are not waited for.
 * @throws whatever pg throws, of this site
 */
export async function askPeersAboutUs(connectionString: string): Promise<void> {
  const here = await connectForOneService(connectionString, 'taskledger link');
  try {
    const ours = await readStreamHeads(here);
    const answers = await Promise.all((await readPeers(here)).map((peer) => knowsMore(peer, ours)));
    if (answers.includes(true)) await here.query('select taskledger.begin_recovery()', []);
  } finally {
    await here.end();
  }
}

async function knowsMore(peer: Peer, ours: StreamHeads): Promise<boolean> {
  const ask = async (): Promise<boolean> => {
    const there = await connectForOneService(peer.url, 'taskledger link', askMs);
    try {
      requirePeer(peer, await readIdentity(there));
      return knowsMoreOfUs(ours, await readStreamHeads(there));
    } finally {
      await there.end();
    }
  };
  const answered = new AbortController();
  try {
    return await Promise.race([ask().catch(() => false), systemClock.sleep(askMs, answered.signal).then(() => false)]);
  } finally {
    answered.abort();
  }
}
