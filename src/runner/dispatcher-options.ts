import type { Clock } from '../clock.ts';
import type { Codec } from '../events/codec.ts';
import type { ChildLimits } from '../ledger/child-limits.ts';
import type { Claim, ClaimRequest } from '../ledger/claim.ts';
import type { ExchangeAnswer, ExchangeRequest } from '../ledger/exchange.ts';
import type { Progress, ProgressAnswer } from '../ledger/progress.ts';
import type { LogAnswer } from '../ledger/report-log.ts';
import type { HeldClaim } from '../ledger/settle.ts';
import type { Signals } from '../signals.ts';
import type { LogLines } from './execute/log-tail.ts';
import type { Offered } from './offers.ts';
import type { Places } from './places.ts';

/** What proves to the ledger that a lease is held. */
export interface LeaseInHand extends HeldClaim {
  readonly taskId: string;
}

/** A claim, and what it offers to run its leases by. */
export interface OfferingClaim extends ClaimRequest {
  readonly offered: Offered;
}

export interface OfferingRequest extends ExchangeRequest {
  readonly claim?: OfferingClaim;
}

export interface DispatcherOptions {
  readonly runner: string;
  readonly host: string;
  /** What the next claim offers. */
  readonly offers: { readonly now: Offered };
  readonly queues: readonly string[] | undefined;
  readonly concurrency: number;
  /** Shared by the sites of a runner. */
  readonly places: Places;
  readonly site: string;
  /** Whether that is the runner's own site, which goes first. */
  readonly own: boolean;
  readonly maxBatch: number;
  readonly connections: number;
  readonly prefetch: boolean;
  readonly ttlMs: number;
  readonly clock: Clock;
  readonly random: () => number;
  readonly signals: Signals;
  readonly codec?: Codec | undefined;
  readonly caps?: ChildLimits | undefined;
  /** One round trip to the ledger. */
  readonly exchange: (request: ExchangeRequest) => Promise<ExchangeAnswer>;
  /** What became of claims whose answers were lost: those that are in force, renewed. */
  readonly recall: (secrets: readonly string[]) => Promise<readonly Claim[]>;
  /** A secret for one claim; see `ClaimRequest`. */
  readonly newSecret: () => string;
  readonly reportProgress: (lease: LeaseInHand, progress: Progress) => Promise<ProgressAnswer>;
  readonly reportLog: (lease: LeaseInHand, log: LogLines) => Promise<LogAnswer>;
  /** `sentAtMs`: when the claim was asked for, on the process-wide monotonic clock. */
  readonly onClaim: (claim: HeldClaim, sentAtMs: number) => void;
  readonly onClaimDone: (claimId: string) => void;
  /** A claim was answered: with nothing, as for a moment before, or not. */
  readonly onAnswer: (idle: boolean) => void;
  /** Whether submissions ring now, so that nobody need look for them. */
  readonly rings: () => boolean;
}
