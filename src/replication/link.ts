import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import { connectForOneService, type ServiceConnection } from '../postgres/service-connection.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Signals } from '../signals.ts';
import { readAbove, readBehind, type Behind } from './behind.ts';
import type { Gates } from './gates.ts';
import { pullMarks } from './marks.ts';
import { readIdentity, requireKnown, requirePeer, type Peer } from './peer.ts';
import { BLOCKS_PER_PULL, pullBlocks } from './pull.ts';
import type { Recovery } from './recovery.ts';
import { carryOutRepairs } from './repair-orders.ts';
import { readStreamHeads, type StreamHead } from './stream-heads.ts';
import { isBroken, readSubscription, resubscribe, type SubscriptionState } from './subscription.ts';

export interface LinkOptions {
  /** Of this site. */
  readonly connectionString: string;
  readonly peer: Peer;
  /** Shared by all links of a process. */
  readonly gates: Gates;
  /** Likewise. */
  readonly recovery: Recovery;
  readonly clock: Clock;
  readonly signals: Signals;
}

/** Pulling goes on without a pause until nothing is missing. */
const busyMs = 20;
const logicalMs = 1000;
const pullMs = 100;
/**
 * How long replication may stand before what it did not bring is pulled. After a partition a server connects again within 5 s
 * (wal_retrieve_retry_interval): what it then brings need not be brought twice.
 */
const patienceMs = 8000;
/** And how often it must have been found standing: while this process or its machine stood still, nothing was waited for. */
const patienceLooks = 4;
/** While more of the peer's events are missing, no slot is made: a few seconds of pulling. */
const missingEventsMax = 50_000;
/** A statement over the link that takes longer will not be answered any more. */
const answerTimeoutMs = 20_000;
/** How long the peer may take to make a slot: it waits for the transactions that are open there. Doubles, as the pause does. */
const slotPatienceMs = 2000;
const longestSlotPatienceMs = 16_000;
const lockNotAvailable = '55P03';

/**
 * Keeps this site equal to one peer: a service of the daemon, one per peer. Sees to it that replication runs, and pulls
 * whatever the peer has of any stream and this site has not, be it the history before this site joined, the gap of a slot
 * that was lost, or the last words of a third site that is gone. With transport `pull` that is all it does.
 */
export class Link {
  readonly #options: LinkOptions;
  /** Since when the proven mark of each stream stands, by the monotonic clock, and how often it was found so again. */
  readonly #stands = new Map<string, { readonly proved: bigint; readonly since: number; readonly looks: number }>();
  /** Slots begin where they were made: what was recorded before can only be pulled, and replication need not be waited for. */
  #isNewSlot = false;
  /** How far each stream was pulled that is being caught up with: the prover comes after. */
  readonly #pulledTo = new Map<string, bigint>();
  #here: ServiceConnection | undefined;
  #there: ServiceConnection | undefined;
  #isBehind = false;
  #applyErrors = 0;
  /** Replication does not run, so that all there is has to be pulled. */
  #isBroken = false;
  #refusals = 0;
  #resubscribeAt = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get name(): string {
    return `link ${this.#options.peer.site}`;
  }

  get everyMs(): number {
    if (this.#isBehind) return busyMs;
    return this.#isPulling ? pullMs : logicalMs;
  }

  get #isPulling(): boolean {
    return this.#options.peer.transport === 'pull' || this.#isBroken;
  }

  async stop(): Promise<void> {
    // While nothing could be seen nothing stood.
    this.#stands.clear();
    const here = this.#here;
    const there = this.#there;
    this.#here = undefined;
    this.#there = undefined;
    await Promise.all([here?.end() ?? Promise.resolve(), there?.end() ?? Promise.resolve()]);
  }

  /** One look, and one step of what it shows to be necessary. @throws whatever pg throws, of either site */
  async runOnce(): Promise<void> {
    const { peer } = this.#options;
    this.#isBehind = false;
    try {
      const here = await this.#connectHere();
      try {
        const there = await this.#connectThere(here);
        const heads = await readStreamHeads(there);
        const subscription = await this.#keepSubscribed(here, there, heads);
        await this.#options.recovery.step({ here, there, peer: peer.site }, heads);
        await this.#repair(here, there, heads);
        await this.#pullMissing(here, there, heads);
        if (peer.transport === 'logical') await this.#options.gates.openWhenPassed(here, there, peer);
        await pullMarks(here, there, peer.site);
        const behind = await readBehind(here, there, peer.site);
        await recordLink(here, peer, { connected: true, subscription, heads, behind });
      } catch (error) {
        await recordLink(here, peer, { connected: false, code: errorCodeOf(error) });
        throw error;
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #keepSubscribed(
    here: Queryable,
    there: Queryable,
    heads: ReadonlyMap<string, StreamHead>,
  ): Promise<SubscriptionState | undefined> {
    const { peer, gates } = this.#options;
    if (peer.transport === 'pull') return undefined;
    const state = await readSubscription(there, here, peer);
    this.#isBroken = isBroken(state);
    if (this.#isBroken) {
      if (await this.#maySubscribe(here, there, heads)) await this.#resubscribe(here, there, state);
    } else if (state.applyErrors > this.#applyErrors) {
      // Most likely a row that is here already.
      await gates.whileClosed(here, peer.site, () => Promise.resolve());
    }
    this.#applyErrors = state.applyErrors;
    return state;
  }

  /**
   * Not while this site knows more of the peer than it does itself: what a restored peer records before it has its stream back
   * may have to give way there, and must not be shipped. Nor while much is missing, unless that can not be pulled: a slot
   * would keep WAL meanwhile, and what it ships waits for what is pulled, and delays it.
   */
  async #maySubscribe(here: Queryable, there: Queryable, heads: ReadonlyMap<string, StreamHead>): Promise<boolean> {
    const { site } = this.#options.peer;
    const mine = (await readStreamHeads(here)).get(site);
    const { number = 0n } = heads.get(site) ?? {};
    if ((mine?.proved ?? 0n) > number) return false;
    if (mine?.haltedAt !== undefined) return true;
    return (await readAbove(there, site, mine?.number ?? 0n)).events <= missingEventsMax;
  }

  /**
   * Makes slot and subscription anew. While the peer cannot make a slot, because a transaction is open there or every slot is
   * taken, this site pulls, and tries again after a growing pause.
   */
  async #resubscribe(here: Queryable, there: Queryable, state: SubscriptionState): Promise<void> {
    const { peer, gates, clock, signals } = this.#options;
    if (clock.monotonic() < this.#resubscribeAt) return;
    await requireKnown(here, there, peer);
    const patience = Math.min(slotPatienceMs * 2 ** this.#refusals, longestSlotPatienceMs);
    try {
      await gates.whileClosed(here, peer.site, () => resubscribe(there, here, peer, patience));
      this.#refusals = 0;
      this.#isNewSlot = true;
      signals.emit('link.subscribed', { peer: peer.site, slot: state.slot, subscription: state.subscription });
    } catch (error) {
      if (this.#here?.ended !== false || this.#there?.ended !== false) throw error;
      this.#refusals = Math.min(this.#refusals + 1, 10);
      this.#resubscribeAt = clock.monotonic() + patience;
      signals.emit('service.failed', { service: this.name, code: errorCodeOf(error), retryInMs: patience });
    }
  }

  async #repair(here: Queryable, there: Queryable, heads: ReadonlyMap<string, StreamHead>): Promise<void> {
    const { peer, signals } = this.#options;
    for (const { stream, block, events } of await carryOutRepairs(here, there, peer.site, heads)) {
      signals.emit('block.repaired', { stream, block: String(block), from: peer.site, events });
    }
  }

  async #pullMissing(here: Queryable, there: Queryable, heads: ReadonlyMap<string, StreamHead>): Promise<void> {
    for (const mine of (await readStreamHeads(here)).values()) {
      const theirs = heads.get(mine.site);
      if (mine.own || theirs === undefined || theirs.number <= mine.proved) continue;
      const pulledTo = this.#pulledTo.get(mine.site);
      if (mine.haltedAt === mine.proved + 1n || (pulledTo === undefined && !this.#isOverdue(mine))) continue;
      const from = pulledTo === undefined || pulledTo < mine.proved ? mine.proved : pulledTo;
      await this.#pull(here, there, { stream: mine.site, from: from + 1n, head: theirs.number });
    }
  }

  /** Whether replication, where there is one, was given time enough. */
  #isOverdue({ site, proved }: StreamHead): boolean {
    const { clock, peer } = this.#options;
    const now = clock.monotonic();
    const before = this.#stands.get(site);
    const stands =
      before?.proved === proved ? { ...before, looks: before.looks + 1 } : { proved, since: now, looks: 0 };
    this.#stands.set(site, stands);
    if (peer.site === site && (this.#isPulling || this.#isNewSlot)) return true;
    return stands.looks >= patienceLooks && now - stands.since >= patienceMs;
  }

  async #pull(here: Queryable, there: Queryable, { stream, from, head }: Missing): Promise<void> {
    const { peer, gates, clock, signals } = this.#options;
    const startedAt = clock.monotonic();
    const last = from + BigInt(BLOCKS_PER_PULL) - 1n;
    const to = last < head ? last : head;
    const pull = { source: there, target: here, stream, from, to };
    const pulled = await gates.whileClosed(here, stream, () => pullBlocks(pull)).catch(ignoreBusyStream);
    if (pulled === undefined) return;
    if (stream === peer.site) this.#isNewSlot = false;
    const isEnough = to >= head;
    if (isEnough) this.#pulledTo.delete(stream);
    else this.#pulledTo.set(stream, to);
    this.#isBehind ||= !isEnough;
    if (pulled.blocks + pulled.events === 0) return;
    signals.emit('stream.pulled', { stream, from: peer.site, ...pulled, durationMs: clock.monotonic() - startedAt });
  }

  async #connectHere(): Promise<ServiceConnection> {
    if (this.#here?.ended === false) return this.#here;
    const { connectionString, peer } = this.#options;
    const here = await connectForOneService(connectionString, `taskledger link to ${peer.site}`);
    this.#here = here;
    // Whatever became of its table: without one nothing arrives, and nothing can be pulled.
    await here.query('select taskledger.ensure_stream($1)', [peer.site]);
    return here;
  }

  async #connectThere(here: Queryable): Promise<ServiceConnection> {
    if (this.#there?.ended === false) return this.#there;
    const { peer } = this.#options;
    const there = await connectForOneService(peer.url, 'taskledger link', answerTimeoutMs);
    try {
      requirePeer(peer, await readIdentity(there));
      await requireKnown(here, there, peer);
    } catch (error) {
      await there.end();
      throw error;
    }
    this.#there = there;
    return there;
  }
}

/** Replication is in the middle of a large transaction of this stream: what that brings need not be pulled. */
function ignoreBusyStream(error: unknown): undefined {
  if (errorCodeOf(error) !== lockNotAvailable) throw error;
}

interface Missing {
  readonly stream: string;
  /** The first block that may be missing here. */
  readonly from: bigint;
  /** The last that the peer has. */
  readonly head: bigint;
}

type LinkState =
  | {
      readonly connected: true;
      readonly subscription: SubscriptionState | undefined;
      readonly heads: ReadonlyMap<string, StreamHead>;
      readonly behind: Behind;
    }
  | { readonly connected: false; readonly code: string };

async function recordLink(here: Queryable, peer: Peer, state: LinkState): Promise<void> {
  const told =
    'code' in state
      ? state
      : {
          connected: true,
          transport: peer.transport,
          ...(state.subscription === undefined ? {} : { subscription: state.subscription }),
          behind: state.behind,
          heads: [...state.heads.values()].map(({ site, number, proved }) => ({
            stream: site,
            number: String(number),
            proved: String(proved),
          })),
        };
  await here.query('select taskledger.record_link($1, $2)', [peer.site, JSON.stringify(told)]);
}
