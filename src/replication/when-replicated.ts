import type { Clock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import { isSiteName } from '../events/names.ts';
import type { Position } from '../events/position.ts';
import { refuseUnknownOptions, requireInteger } from '../ledger/known-options.ts';
import type { Durability, ReplicationGoal, Submitted } from '../ledger/submit.ts';
import { requireConnectionString } from '../postgres/connection-string.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import type { Signals } from '../signals.ts';
import { readRecorded } from './acknowledge.ts';
import { PeerAsker, type PeerAnswer } from './peer-asker.ts';

/** One event, or several of one site; what `submit` answered is one. */
export type Recorded = Position | { readonly site: string; readonly seqs: readonly bigint[] };

export interface Replicated {
  /**
   * `replicated`: that many sites said that they have all of it, on disk. `not-yet`: the time is over, and too few of the
   * sites had it when they were asked. `unknown`: the time is over, too few have said so, and some could not be asked.
   */
  readonly outcome: Durability;
  /** Those that said so. */
  readonly sites: readonly string[];
}

/** A goal that was checked: whom to ask, and how many of them must say yes. */
interface CheckedGoal {
  readonly askers: readonly PeerAsker[];
  readonly needed: number;
  readonly timeoutMs: number;
}

interface OtherSitesOptions {
  /** The name of this site. */
  readonly site: string;
  readonly db: Queryable;
  /** Connection strings by the names of the peers. */
  readonly peers: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly signals: Signals;
}

const goalOptions: ReadonlySet<string> = new Set<keyof ReplicationGoal>(['sites', 'timeoutMs']);
const longestMs = 3_600_000;

/** The peers an application asks whether they have what it recorded. Nothing connects before it asks. */
export class OtherSites {
  readonly #options: OtherSitesOptions;
  readonly #askers: ReadonlyMap<string, PeerAsker>;
  /** One per call that waits. */
  readonly #waiting = new Set<AbortController>();
  #isClosed = false;

  /** @throws LedgerError TASKLEDGER_INVALID_OPTION, TASKLEDGER_INVALID_URL */
  constructor(options: OtherSitesOptions) {
    const { site: own, peers, clock, signals } = options;
    this.#options = options;
    this.#askers = new Map(
      Object.entries(peers).map(([site, url]) => {
        if (!isSiteName(site)) throw invalid('the names in peers to be those of sites, such as fra', quoted(site));
        if (site === own) throw invalid(`peers to be other sites than ${own}`, `${own} among them`);
        return [site, new PeerAsker({ site, url: requireConnectionString(url), clock, signals })] as const;
      }),
    );
  }

  /** @throws LedgerError TASKLEDGER_INVALID_OPTION for what cannot be reached with these peers, however long one waits */
  checked(goal: ReplicationGoal = {}, what = 'whenReplicated'): CheckedGoal {
    refuseUnknownOptions(goal, goalOptions, what);
    const { sites = 1, timeoutMs = 10_000 } = goal;
    requireInteger(timeoutMs, 'timeoutMs', { min: 1, max: longestMs });
    const names = [...this.#askers.keys()];
    if (names.length === 0) {
      throw invalid('openLedger to have been given peers: { fra: "postgres://…" }', 'none', 'Name the sites to ask');
    }
    if (!Array.isArray(sites)) {
      requireInteger(sites, 'sites', { min: 1, max: names.length });
      return { askers: [...this.#askers.values()], needed: sites as number, timeoutMs };
    }
    const askers = [...new Set(sites as readonly unknown[])].map((name) => {
      const asker = this.#askers.get(String(name));
      if (asker === undefined) throw invalid(`sites to be among the peers: ${names.join(', ')}`, quoted(String(name)));
      return asker;
    });
    if (askers.length === 0) throw invalid('sites to name at least one', 'none of them');
    return { askers, needed: askers.length, timeoutMs };
  }

  /**
   * Waits until enough sites have these events, and not longer than the goal says.
   * @throws LedgerError TASKLEDGER_NOT_FOUND (not committed), TASKLEDGER_NOT_A_PEER and others that no waiting mends
   */
  async whenReplicated(positions: readonly Position[], goal: CheckedGoal): Promise<Replicated> {
    if (this.#isClosed) throw closed();
    const { clock, db } = this.#options;
    const stop = new AbortController();
    this.#waiting.add(stop);
    const timeOver = clock.sleep(goal.timeoutMs, stop.signal);
    void timeOver.then(() => stop.abort());
    try {
      const events = await Promise.race([readRecorded(db, positions), timeOver]);
      if (events === undefined) return { outcome: 'unknown', sites: [] };
      return await collect(goal, (asker) => asker.ask(events, stop.signal), stop);
    } catch (error) {
      throw translateSqlError(error);
    } finally {
      stop.abort();
      this.#waiting.delete(stop);
    }
  }

  /**
   * What a call of `submit` asked for, before anything is written.
   * @throws LedgerError TASKLEDGER_INVALID_OPTION
   */
  goalOf({ durability, tx }: { readonly durability?: unknown; readonly tx?: unknown }): CheckedGoal | undefined {
    if (durability === undefined) return undefined;
    if (tx !== undefined) {
      throw invalid(
        'durability without tx: nothing leaves this site before your transaction commits',
        'both',
        'Call whenReplicated after your commit',
      );
    }
    if (durability === 'replicated') return this.checked();
    if (typeof durability === 'object' && durability !== null) return this.checked(durability, 'durability');
    throw invalid("durability to be 'replicated', or { sites, timeoutMs }", `a ${typeof durability}`);
  }

  /** Where tasks have got to that were just recorded. Never throws, since they exist; `connection.lost` tells why not. */
  async durabilityOf(tasks: readonly Submitted[], goal: CheckedGoal): Promise<Durability> {
    if (tasks.length === 0) return 'replicated';
    try {
      return (await this.whenReplicated(tasks, goal)).outcome;
    } catch {
      return 'unknown';
    }
  }

  /** What still waits is answered at once, as if its time were over. Never throws; twice is fine. */
  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stop of this.#waiting) stop.abort();
    await Promise.all([...this.#askers.values()].map((asker) => asker.close()));
  }
}

/** @throws LedgerError TASKLEDGER_INVALID_OPTION unless these are positions, or several of one site */
export function positionsOf(recorded: Recorded): Position[] {
  const given: unknown = recorded;
  const { site, seq, seqs = [seq] } = (given ?? {}) as { site?: unknown; seq?: unknown; seqs?: unknown };
  if (typeof site === 'string' && Array.isArray(seqs) && seqs.length > 0) {
    const positions = seqs.map((each: unknown) => ({ site, seq: each }));
    if (positions.every((each): each is Position => typeof each.seq === 'bigint')) return positions;
  }
  throw invalid(
    'what was recorded to be { site, seq } or { site, seqs }, each seq a bigint',
    'something else',
    'Pass what submit answered',
  );
}

async function collect(
  { askers, needed }: CheckedGoal,
  ask: (asker: PeerAsker) => Promise<PeerAnswer>,
  stop: AbortController,
): Promise<Replicated> {
  const sites: string[] = [];
  const refusals: unknown[] = [];
  const answers = await Promise.all(
    askers.map(async (asker) => {
      try {
        const answer = await ask(asker);
        if (answer === 'here') sites.push(asker.site);
        if (sites.length >= needed) stop.abort();
        return answer;
      } catch (error) {
        // The others may be enough.
        refusals.push(error);
        if (askers.length - refusals.length < needed) stop.abort();
        return 'silent';
      }
    }),
  );
  if (sites.length >= needed) return { outcome: 'replicated', sites };
  if (askers.length - refusals.length < needed) throw refusals[0];
  return { outcome: answers.includes('silent') ? 'unknown' : 'not-yet', sites };
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}

function invalid(expected: string, found: string, remedy = 'Correct it'): LedgerError {
  return new LedgerError('TASKLEDGER_INVALID_OPTION', { expected, found, remedy });
}

function closed(): LedgerError {
  return new LedgerError('TASKLEDGER_UNREACHABLE', {
    expected: 'an open ledger',
    found: 'it closed',
    remedy: 'Open another one',
  });
}
