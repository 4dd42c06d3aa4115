import type { HeldClaim, Outcome } from '../ledger/settle.ts';

interface OpenClaim extends HeldClaim {
  /** Leases of it that are not settled yet. */
  open: number;
}

/** The claims whose secrets this runner holds, until the last of their leases is settled or lost. */
export class ClaimsInHand {
  readonly #claims = new Map<string, OpenClaim>();

  add({ claimId, secret }: HeldClaim, open: number): void {
    this.#claims.set(claimId, { claimId, secret, open });
  }

  secretOf(claimId: string): string | undefined {
    return this.#claims.get(claimId)?.secret;
  }

  /** The claims these outcomes belong to, each once. */
  holding(outcomes: readonly Outcome[]): HeldClaim[] {
    const held = new Map<string, HeldClaim>();
    for (const { claimId } of outcomes) {
      const secret = this.#claims.get(claimId)?.secret;
      if (secret !== undefined && !held.has(claimId)) held.set(claimId, { claimId, secret });
    }
    return [...held.values()];
  }

  /** One lease fewer; true when it was the last of its claim. */
  countDown(claimId: string): boolean {
    const claim = this.#claims.get(claimId);
    if (claim === undefined) return false;
    claim.open -= 1;
    return claim.open <= 0 && this.#claims.delete(claimId);
  }
}
