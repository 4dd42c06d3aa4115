import { waitAtMost } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import type { Claim } from '../ledger/claim.ts';
import type { ExchangeAnswer } from '../ledger/exchange.ts';
import type { Outcome } from '../ledger/settle.ts';
import { Asks } from './asks.ts';
import { AttemptPool } from './attempt-pool.ts';
import { Batching } from './batching.ts';
import { ClaimsInHand } from './claims-in-hand.ts';
import type { DispatcherOptions, OfferingClaim, OfferingRequest } from './dispatcher-options.ts';
import { isWider, Lanes } from './lanes.ts';
import { OutcomeBox } from './outcome-box.ts';
import { sharedMonotonicMs } from './lease-keeper.ts';
import type { Tenant } from './places.ts';
import { UnansweredClaims } from './unanswered-claims.ts';

/** Outcomes wait that long for company before a round trip of their own. */
const lingerMs = 2;
/** And that long while leases wait here: their attempts are short, and a settle for each costs the processor they need. */
const busyLingerMs = 10;
/** A claim answered after more of its TTL comes too late: the runner's own clock judges as in LeaseFences. */
const latestAnswer = 0.9;

/**
 * The claim loop: keeps the attempt pool supplied with leases, and turns finished outcomes and free room into exchanges
 * with the ledger, a few at a time. Everything is decided in `#pump`, which is called after anything changed and looks at
 * the state alone.
 */
export class Dispatcher implements Tenant {
  /** The leases in hand: to be told of aborts, lost claims and the end. */
  readonly attempts: AttemptPool;
  readonly #options: DispatcherOptions;
  readonly #lanes: Lanes;
  readonly #batching: Batching;
  readonly #claims = new ClaimsInHand();
  readonly #outcomes: OutcomeBox;
  readonly #unanswered: UnansweredClaims<OfferingClaim>;
  readonly #asks: Asks;
  #exchanging = 0;
  #claiming = false;
  /** There may be due tasks that nobody has asked for. */
  #hungry = false;
  /** A doorbell rang since the last claim. */
  #rang = false;
  /** Outcomes have waited long enough. */
  #due = false;
  #lingering: NodeJS.Timeout | undefined;
  #nextLook: NodeJS.Timeout | undefined;
  #nextLookAtMs = 0;
  #closed = false;
  #whenQuiet: (() => void)[] = [];

  constructor(options: DispatcherOptions) {
    this.#options = options;
    this.#asks = new Asks(options.clock);
    this.#lanes = new Lanes(options.clock, options.random);
    this.#batching = new Batching(options);
    this.#outcomes = new OutcomeBox(options.maxBatch);
    this.#unanswered = new UnansweredClaims({ ...options, onGranted: (...granted) => this.#hold(...granted) });
    this.attempts = new AttemptPool({
      ...options,
      secretOf: (claimId) => this.#claims.secretOf(claimId),
      onOutcome: (outcome) => {
        this.#outcomes.push(outcome);
        this.#batching.ran(outcome.ranMs);
      },
      onPlaceFree: () => options.places.refill(),
    });
    options.places.join(this, options);
  }

  get inHand(): number {
    return this.attempts.inHand;
  }

  get asked(): number {
    return this.#asks.unheard ? 0 : this.#asks.open;
  }

  get content(): boolean {
    return this.#asks.inVain || this.#unanswered.any;
  }

  refill(): void {
    this.#pump();
  }

  /** Begins, or begins again, to claim. */
  resume(): void {
    this.#claiming = true;
    this.look();
  }

  /** A task was just submitted. */
  ring(): void {
    this.#rang = true;
    this.look();
  }

  /** Looks for tasks now. */
  look(): void {
    this.#hungry = true;
    this.#pump();
  }

  /** Stops claiming and gives back what has not begun; what runs goes on. */
  drain(reason: string): void {
    this.#claiming = false;
    this.attempts.releaseWaiting(reason);
    this.flush();
  }

  /** Sends every outcome now. */
  flush(): void {
    this.#due = true;
    this.#pump();
  }

  /** Leases of a claim ended without an outcome. */
  forget(claimId: string, leases: number): void {
    for (let i = 0; i < leases; i += 1) this.#countDown(claimId);
    this.#pump();
  }

  /** Resolves when nothing is in hand and every outcome has been answered, or `ms` is over; true if all is quiet. */
  async quiet(ms: number): Promise<boolean> {
    if (this.#isQuiet()) return true;
    const quiet = new Promise<void>((resolve) => this.#whenQuiet.push(resolve));
    await waitAtMost(ms, quiet, this.#options.clock);
    return this.#isQuiet();
  }

  /** Forgets its timers; nothing is begun afterwards, also not by an exchange that fails later. */
  close(): void {
    this.#closed = true;
    this.#options.places.leave(this);
    clearTimeout(this.#lingering);
    clearTimeout(this.#nextLook);
    this.#claiming = false;
  }

  #isQuiet(): boolean {
    return this.attempts.inHand === 0 && this.#outcomes.length === 0 && this.#exchanging === 0 && !this.#unanswered.any;
  }

  #pump(): void {
    if (this.#closed) return;
    this.attempts.fill();
    // The own site came first after all: whoever has a place free may have them.
    if (!this.#options.own && this.attempts.waiting > 0) this.attempts.releaseWaiting('no place is free');
    if (this.#unanswered.waiting && !this.#asks.paused) void this.#recall();
    while (this.#wantsExchange()) void this.#exchange();
    if (this.#outcomes.length > 0 && !this.#due) this.#linger();
    if (this.#isQuiet()) for (const resolve of this.#whenQuiet.splice(0)) resolve();
  }

  #linger(): void {
    // What is sent clears it.
    this.#lingering ??= setTimeout(() => this.flush(), this.attempts.waiting > 0 ? busyLingerMs : lingerMs);
  }

  #wantsExchange(): boolean {
    const { connections, maxBatch } = this.#options;
    if (this.#exchanging >= connections || this.#asks.paused) return false;
    const { length } = this.#outcomes;
    if (length > 0 && (this.#due || length >= maxBatch || this.attempts.inHand === 0)) return true;
    if (!this.#hungry || !this.#claiming) return false;
    const places = this.#options.places.for(this);
    return places > 0 && this.#room(places) >= this.#batching.worthAsking(places);
  }

  #room(places: number): number {
    if (this.#unanswered.any) return 0;
    return Math.min(this.#options.maxBatch, this.#batching.target(places) - this.attempts.inHand - this.#asks.open);
  }

  /** One round trip. Whatever goes wrong, its outcomes are kept and sent again. */
  async #exchange(): Promise<void> {
    const { clock, runner, signals, places } = this.#options;
    const outcomes = this.#outcomes.take();
    if (this.#outcomes.length === 0) this.#due = false;
    clearTimeout(this.#lingering);
    this.#lingering = undefined;
    const room = this.#claiming ? Math.max(0, this.#room(places.for(this))) : 0;
    const request = this.#request(outcomes, room);
    if (room > 0) this.#rang = false;
    this.#exchanging += 1;
    const sentAtMs = this.#asks.sent(room);
    if (signals.active) signals.emit('exchange.begun', { runner, outcomes: outcomes.length, asked: room });
    try {
      const answer = await this.#options.exchange(request);
      this.#asks.worked();
      this.#learn(request, answer, clock.monotonic() - sentAtMs);
    } catch (error) {
      this.#outcomes.putBack(outcomes, error);
      if (request.claim !== undefined) this.#lanes.failed(request.claim);
      this.#unanswered.failed(request.claim, error);
      this.#pause(error);
    } finally {
      this.#exchanging -= 1;
      this.#asks.over(room);
      places.refill();
    }
  }

  /** Asks what became of claims that were never answered, before anything more is claimed. */
  async #recall(): Promise<void> {
    try {
      await this.#unanswered.ask();
      this.#asks.worked();
    } catch (error) {
      this.#pause(error);
    } finally {
      this.#options.places.refill();
    }
  }

  #request(outcomes: readonly Outcome[], room: number): OfferingRequest {
    const { clock, runner, host, ttlMs, queues, offers, newSecret } = this.#options;
    const settle = { held: this.#claims.holding(outcomes), outcomes, nowMs: clock.monotonic() };
    const claim = { ...offers.now.kinds, maxTasks: room, runner, host, ttlMs, queues };
    return {
      ...(outcomes.length > 0 ? { settle } : {}),
      ...(room > 0 ? { claim: { ...claim, ...this.#lanes.next(this.#rang), secret: newSecret() } } : {}),
    };
  }

  #learn({ settle, claim }: OfferingRequest, answer: ExchangeAnswer, tookMs: number): void {
    const { runner, signals } = this.#options;
    if (settle !== undefined) {
      for (const { claimId } of settle.outcomes) this.#countDown(claimId);
      const refused = answer.verdicts.filter(({ verdict }) => verdict !== 'already');
      for (const { taskId, verdict } of refused) signals.emit('attempt.refused', { taskId, reason: verdict });
      const outcomes = settle.outcomes.length;
      signals.emit('settle.recorded', { runner, outcomes, refused: refused.length, durationMs: tookMs });
    }
    if (claim !== undefined) this.#learnClaim(claim, answer, tookMs);
  }

  #learnClaim(asked: OfferingClaim, { claim, againMs, nextGroup }: ExchangeAnswer, tookMs: number): void {
    const { maxTasks, lanes, wider } = asked;
    const { runner, signals } = this.#options;
    if (claim !== undefined && tookMs >= this.#options.ttlMs * latestAnswer) {
      // The lease may be over, and the task somebody else's: nothing begins. Given back, a protected task is in no doubt.
      signals.emit('claim.lost', { runner, claimId: claim.claimId, tasks: claim.leases.length });
      this.#claims.add(claim, claim.leases.length);
      this.#lanes.gaveBack(claim.leases);
      this.#lanes.learn({ lanes, wider, leases: [], asked: 0, tookMs, nextGroup });
      this.attempts.releaseUnbegun(claim.leases, 'its claim was answered too late to begin it');
      this.look();
      return;
    }
    const leases = claim?.leases ?? [];
    this.#lanes.learn({ lanes, wider, leases, asked: maxTasks, tookMs, nextGroup });
    // A doorbell that rang meanwhile may have been for a task this claim came too early to see.
    this.#hungry = this.#rang || leases.length === maxTasks;
    this.#asks.granted(leases.length, maxTasks, isWider(asked));
    const lookInMs = this.#lanes.lookAgainInMs({ lanes, tookMs, againMs, rings: this.#options.rings() });
    if (!this.#hungry && lookInMs !== undefined) this.#lookIn(lookInMs);
    if (claim !== undefined) this.#hold(claim, tookMs, asked);
    signals.emit('claim.granted', { runner, asked: maxTasks, tasks: leases.length, durationMs: tookMs });
    this.#options.onAnswer(leases.length === 0 && this.#lanes.quiet);
  }

  #hold(claim: Claim, tookMs: number, { offered }: OfferingClaim): void {
    this.#batching.received(claim.size, claim.leases.length);
    this.#claims.add(claim, claim.leases.length);
    this.#options.onClaim(claim, sharedMonotonicMs() - tookMs);
    this.attempts.add(claim.leases, (lease) => offered.handlerOf(lease));
    if (!this.#claiming) this.drain('shutdown');
  }

  #countDown(claimId: string): void {
    if (this.#claims.countDown(claimId)) this.#options.onClaimDone(claimId);
  }

  #pause(error: unknown): void {
    const retryInMs = this.#asks.failed();
    this.#options.signals.emit('service.failed', { service: 'claim loop', code: errorCodeOf(error), retryInMs });
    this.#due = true;
    // Nothing is looked for before that.
    clearTimeout(this.#nextLook);
    this.#nextLook = undefined;
    this.#lookIn(retryInMs);
  }

  /** Looks after that long, or earlier if that was to be. */
  #lookIn(ms: number): void {
    const atMs = this.#options.clock.monotonic() + ms;
    if (this.#closed || (this.#nextLook !== undefined && this.#nextLookAtMs <= atMs)) return;
    clearTimeout(this.#nextLook);
    const look = (): void => {
      this.#nextLook = undefined;
      this.look();
    };
    this.#nextLookAtMs = atMs;
    this.#nextLook = setTimeout(look, Math.max(1, ms + 1));
  }
}
