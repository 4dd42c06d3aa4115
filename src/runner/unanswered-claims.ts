import type { Clock } from '../clock.ts';
import { LedgerError } from '../errors.ts';
import type { Claim, ClaimRequest } from '../ledger/claim.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import type { Signals } from '../signals.ts';

interface UnansweredClaimsOptions<Asked> {
  readonly runner: string;
  readonly clock: Clock;
  readonly signals: Signals;
  /** One call to the ledger. */
  readonly recall: (secrets: readonly string[]) => Promise<readonly Claim[]>;
  /** A claim that had been granted as it was asked for, renewed by a call that took that long. */
  readonly onGranted: (claim: Claim, tookMs: number, asked: Asked) => void;
}

/**
 * Claims that were sent and never answered, by their secrets: they may have been granted, and then nobody would run those
 * tasks until the leases run out. Nothing more is claimed before the ledger has told, so there are never more of them than
 * exchanges under way.
 */
export class UnansweredClaims<Asked extends ClaimRequest = ClaimRequest> {
  readonly #options: UnansweredClaimsOptions<Asked>;
  readonly #asked = new Map<string, Asked>();
  #asking = false;

  constructor(options: UnansweredClaimsOptions<Asked>) {
    this.#options = options;
  }

  /** Nobody knows of some claim whether it was granted. */
  get any(): boolean {
    return this.#asked.size > 0;
  }

  /** There are some, and they are not being asked about. */
  get waiting(): boolean {
    return this.any && !this.#asking;
  }

  /** An exchange failed: keeps its claim if nobody knows whether it was granted. */
  failed(claim: Asked | undefined, error: unknown): void {
    if (claim?.secret !== undefined && isOutcomeUnknown(error)) this.#asked.set(claim.secret, claim);
  }

  /** Asks what became of them. @throws whatever pg throws; then they are still unanswered */
  async ask(): Promise<void> {
    const { runner, clock, signals, recall, onGranted } = this.#options;
    const secrets = [...this.#asked.keys()];
    const sentAtMs = clock.monotonic();
    this.#asking = true;
    try {
      const granted = await recall(secrets);
      const asked = new Map(this.#asked);
      for (const secret of secrets) this.#asked.delete(secret);
      for (const claim of granted) {
        const request = asked.get(claim.secret);
        if (request !== undefined) onGranted(claim, clock.monotonic() - sentAtMs, request);
      }
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
