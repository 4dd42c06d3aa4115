import { sharedMonotonicMs } from './lease-keeper.ts';

/**
 * The runner's own deadline of each claim: TTL after its last renewal was *sent*, on the monotonic clock, so that attempts
 * stop before the owner's database can give their tasks to somebody else, however late an answer comes.
 */
export class LeaseFences {
  readonly #ttlMs: number;
  readonly #onLost: (claimId: string) => void;
  readonly #endsAtMs = new Map<string, number>();

  constructor(ttlMs: number, onLost: (claimId: string) => void) {
    this.#ttlMs = ttlMs;
    this.#onLost = onLost;
  }

  hold(claimId: string, sentAtMs: number): void {
    this.#endsAtMs.set(claimId, sentAtMs + this.#ttlMs);
  }

  renewed(claimIds: readonly string[], sentAtMs: number): void {
    for (const claimId of claimIds) if (this.#endsAtMs.has(claimId)) this.hold(claimId, sentAtMs);
  }

  drop(claimId: string): void {
    this.#endsAtMs.delete(claimId);
  }

  lose(claimId: string): void {
    if (this.#endsAtMs.delete(claimId)) this.#onLost(claimId);
  }

  /** A tenth of the TTL early: aborting takes a moment too. */
  check(): void {
    const limitMs = sharedMonotonicMs() + this.#ttlMs / 10;
    for (const [claimId, endsAtMs] of this.#endsAtMs) if (endsAtMs <= limitMs) this.lose(claimId);
  }
}
