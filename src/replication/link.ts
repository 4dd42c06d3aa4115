import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import { connectForOneService, type ServiceConnection } from '../postgres/service-connection.ts';
import type { Queryable } from '../postgres/queryable.ts';
import type { Signals } from '../signals.ts';
import type { Gates } from './gates.ts';
import { readIdentity, requirePeer, type Peer } from './peer.ts';
import { BLOCKS_PER_PULL, pullBlocks } from './pull.ts';
import { readStreamHeads, type StreamHead } from './stream-heads.ts';
import { isBroken, readSubscription, resubscribe, type SubscriptionState } from './subscription.ts';

export interface LinkOptions {
  /** Of this site. */
  readonly connectionString: string;
  readonly peer: Peer;
  /** Shared by all links of a process. */
  readonly gates: Gates;
  readonly clock: Clock;
  readonly signals: Signals;
}

/** Pulling goes on without a pause until nothing is missing. */
const busyMs = 20;
const logicalMs = 1000;
const pullMs = 100;
/** How long replication may take before what it did not bring is pulled. */
const patienceMs = 2000;
/** A statement over the link that takes longer will not be answered any more. */
const answerTimeoutMs = 20_000;

/**
 * Keeps this site equal to one peer: a service of the daemon, one per peer. Sees to it that replication runs, and pulls
 * whatever the peer has of any stream and this site has not, be it the history before this site joined, the gap of a slot
 * that was lost, or the last words of a third site that is gone. With transport `pull` that is all it does.
 */
export class Link {
  readonly #options: LinkOptions;
  /** Since when the proven mark of each stream stands, by the monotonic clock. */
  readonly #stands = new Map<string, { readonly proved: bigint; readonly since: number }>();
  #here: ServiceConnection | undefined;
  #there: ServiceConnection | undefined;
  #isBehind = false;
  #applyErrors = 0;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  get name(): string {
    return `link ${this.#options.peer.site}`;
  }

  get everyMs(): number {
    if (this.#isBehind) return busyMs;
    return this.#options.peer.transport === 'pull' ? pullMs : logicalMs;
  }

  async stop(): Promise<void> {
    const open = [this.#here, this.#there];
    this.#here = undefined;
    this.#there = undefined;
    await Promise.all(open.map((connection) => connection?.end()));
  }

  /** One look, and one step of what it shows to be necessary. @throws whatever pg throws, of either site */
  async runOnce(): Promise<void> {
    const { peer } = this.#options;
    this.#isBehind = false;
    try {
      const here = await this.#connectHere();
      try {
        const there = await this.#connectThere();
        const subscription = await this.#keepSubscribed(here, there);
        const heads = await readStreamHeads(there);
        await this.#pullMissing(here, there, heads);
        if (peer.transport === 'logical') await this.#options.gates.openWhenPassed(here, there, peer);
        await recordLink(here, peer, { connected: true, subscription, heads });
      } catch (error) {
        await recordLink(here, peer, { connected: false, code: errorCodeOf(error) });
        throw error;
      }
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #keepSubscribed(here: Queryable, there: Queryable): Promise<SubscriptionState | undefined> {
    const { peer, gates, signals } = this.#options;
    if (peer.transport === 'pull') return undefined;
    const state = await readSubscription(there, here, peer);
    if (isBroken(state)) {
      await gates.whileClosed(here, peer.site, () => resubscribe(there, here, peer));
      signals.emit('link.subscribed', { peer: peer.site, slot: state.slot, subscription: state.subscription });
    } else if (state.applyErrors > this.#applyErrors) {
      // Most likely a row that is here already.
      await gates.whileClosed(here, peer.site, () => Promise.resolve());
    }
    this.#applyErrors = state.applyErrors;
    return state;
  }

  async #pullMissing(here: Queryable, there: Queryable, heads: ReadonlyMap<string, StreamHead>): Promise<void> {
    for (const mine of (await readStreamHeads(here)).values()) {
      const theirs = heads.get(mine.site);
      if (mine.own || theirs === undefined || theirs.number <= mine.proved) continue;
      if (mine.haltedAt === mine.proved + 1n || !this.#isOverdue(mine)) continue;
      await this.#pull(here, there, mine, theirs);
    }
  }

  /** Whether replication, where there is one, was given time enough. */
  #isOverdue({ site, proved }: StreamHead): boolean {
    const { clock, peer } = this.#options;
    const now = clock.monotonic();
    const stands = this.#stands.get(site);
    if (stands?.proved !== proved) this.#stands.set(site, { proved, since: now });
    if (peer.transport === 'pull' && peer.site === site) return true;
    return stands?.proved === proved && now - stands.since >= patienceMs;
  }

  async #pull(here: Queryable, there: Queryable, mine: StreamHead, theirs: StreamHead): Promise<void> {
    const { peer, gates, clock, signals } = this.#options;
    const startedAt = clock.monotonic();
    const from = mine.proved + 1n;
    const last = from + BigInt(BLOCKS_PER_PULL) - 1n;
    const to = last < theirs.number ? last : theirs.number;
    const pull = { source: there, target: here, stream: mine.site, from, to };
    const pulled = await gates.whileClosed(here, mine.site, () => pullBlocks(pull));
    if (pulled.blocks + pulled.events === 0) return;
    this.#isBehind = to < theirs.number;
    signals.emit('stream.pulled', {
      stream: mine.site,
      from: peer.site,
      ...pulled,
      durationMs: clock.monotonic() - startedAt,
    });
  }

  async #connectHere(): Promise<ServiceConnection> {
    if (this.#here?.ended === false) return this.#here;
    const { connectionString, peer } = this.#options;
    this.#here = await connectForOneService(connectionString, `taskledger link to ${peer.site}`);
    return this.#here;
  }

  async #connectThere(): Promise<ServiceConnection> {
    if (this.#there?.ended === false) return this.#there;
    const { peer } = this.#options;
    const there = await connectForOneService(peer.url, 'taskledger link', answerTimeoutMs);
    try {
      requirePeer(peer, await readIdentity(there));
    } catch (error) {
      await there.end();
      throw error;
    }
    this.#there = there;
    return there;
  }
}

type LinkState =
  | {
      readonly connected: true;
      readonly subscription: SubscriptionState | undefined;
      readonly heads: ReadonlyMap<string, StreamHead>;
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
          heads: [...state.heads.values()].map(({ site, number, proved }) => ({
            stream: site,
            number: String(number),
            proved: String(proved),
          })),
        };
  await here.query('select taskledger.record_link($1, $2)', [peer.site, JSON.stringify(told)]);
}
