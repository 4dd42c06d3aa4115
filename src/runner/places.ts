/** Who has leases in hand that need a place: the dispatcher of one site. */
export interface Tenant {
  /** Leases without an outcome. */
  readonly inHand: number;
  /** Leases asked for, of asks that may be answered any moment. */
  readonly asked: number;
  /** Nothing is to be had there now: its last look found less than it asked for, or it does not answer. */
  readonly content: boolean;
  /** Starts and asks for what there is room for. */
  refill(): void;
}

/**
 * The places of a runner: how many attempts run at the same time, whichever site their leases are of. Its own site goes
 * first: the others are asked only while it has nothing to give, for no more leases than can begin at once.
 */
export class Places {
  readonly #count: number;
  readonly #others = new Set<Tenant>();
  #own: Tenant | undefined;
  #taken = 0;

  constructor(count: number) {
    this.#count = count;
  }

  get anyFree(): boolean {
    return this.#taken < this.#count;
  }

  take(): void {
    this.#taken += 1;
  }

  giveBack(places = 1): void {
    this.#taken -= places;
  }

  join(tenant: Tenant, { own }: { readonly own: boolean }): void {
    if (own) this.#own = tenant;
    else this.#others.add(tenant);
  }

  leave(tenant: Tenant): void {
    this.#others.delete(tenant);
    if (this.#own === tenant) this.#own = undefined;
  }

  /** How many of the places a tenant may plan with. What others have asked for counts against all but the own site. */
  for(tenant: Tenant): number {
    if (this.#others.size === 0) return this.#count;
    const isOwn = tenant === this.#own;
    if (!isOwn && this.#own?.content === false) return 0;
    let left = this.#count;
    for (const other of this.#tenants()) {
      if (other !== tenant) left -= isOwn ? other.inHand : other.inHand + other.asked;
    }
    return Math.max(0, left);
  }

  /** Something changed that may make room for anybody. */
  refill(): void {
    this.#own?.refill();
    for (const tenant of this.#others) tenant.refill();
  }

  *#tenants(): Iterable<Tenant> {
    if (this.#own !== undefined) yield this.#own;
    yield* this.#others;
  }
}
