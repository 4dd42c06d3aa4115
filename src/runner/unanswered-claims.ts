import type { Clock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import type { Claim, ClaimRequest } from '../ledger/claim.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import type { Signals } from '../signals.ts';

interface UnansweredClaimsOptions {
  readonly runner: string;
  readonly clock: Clock;
  readonly signals: Signals;
  /** One call to the ledger. */
  readonly recall: (secrets: readonly string[]) => Promise<readonly Claim[]>;
  /** A claim that had been granted, renewed by a call that took that long. */
  readonly onGranted: (claim: Claim, tookMs: number) => void;
}

/**
 * Claims that were sent and never answered, by their secrets: they may have been granted, and then nobody would run those
 * tasks until the leases run out. Nothing more is claimed before the ledger has told, so there are never more of them than
 * exchanges under way.
 */
export class UnansweredClaims {
  readonly #options: UnansweredClaimsOptions;
  readonly #secrets = new Set<string>();
  #asking = false;

  constructor(options: UnansweredClaimsOptions) {
    this.#options = options;
  }

  /** Nobody knows of some claim whether it was granted. */
  get any(): boolean {
    return this.#secrets.size > 0;
  }

  /** There are some, and they are not being asked about. */
  get waiting(): boolean {
    return this.any && !this.#asking;
  }

  /** An exchange failed: keeps its claim if nobody knows whether it was granted. */
  failed(claim: ClaimRequest | undefined, error: unknown): void {
    if (claim?.secret !== undefined && isOutcomeUnknown(error)) this.#secrets.add(claim.secret);
  }

  /** Asks what became of them. @throws whatever pg throws; then they are still unanswered */
  async ask(): Promise<void> {
    const { runner, clock, signals, recall, onGranted } = this.#options;
    const secrets = [...this.#secrets];
    const sentAtMs = clock.monotonic();
    this.#asking = true;
    try {
      const granted = await recall(secrets);
      for (const secret of secrets) this.#secrets.delete(secret);
      for (const claim of granted) onGranted(claim, clock.monotonic() - sentAtMs);
      signals.emit('claim.recalled', { runner, asked: secrets.length, granted: granted.length });
    } finally {
      this.#asking = false;
    }
  }
}

function isOutcomeUnknown(error: unknown): boolean {
  const translated = translateSqlError(error, { writing: true });
  return translated instanceof LedgerError && translated.code === 'TASKLEDGER_OUTCOME_UNKNOWN';
}
