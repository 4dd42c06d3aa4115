import rcompare from 'semver/functions/rcompare.js';
import maxSatisfying from 'semver/ranges/max-satisfying.js';
import type { AnnouncedOffer } from '../ledger/announce-offers.ts';
import type { ClaimRequest, Lease, Offer } from '../ledger/claim.ts';
import type { Handler } from '../ledger/define-task.ts';

/** What the lease events of a handler say of its limits; undefined for nothing. */
export type LeasedLimits = (handler: Handler) => Readonly<Record<string, string>> | undefined;

/** Of tasks that ask for no version: any will do, so the newest one runs them. */
const unpinned = '';

/** Tasks of one name that ask for the same range of versions of their plugin. */
export interface TaskKind {
  readonly name: string;
  /** '' for none. */
  readonly pin: string;
}

/**
 * What a runner can run: the handlers of its modules, and those of the plugins that are installed now. What has no version is
 * in no range, so tasks with a pin are run by plugins alone.
 */
export class Offers {
  readonly #own: ReadonlyMap<string, Handler>;
  /** Handlers of plugins, by task name and version. */
  #versions: ReadonlyMap<string, ReadonlyMap<string, Handler>> = new Map();
  #problems: readonly string[] = [];
  #edition = 0;
  #limitsOf: LeasedLimits = () => undefined;

  constructor(own: ReadonlyMap<string, Handler>) {
    this.#own = own;
  }

  /**
   * From now on these are the plugins' handlers. What was claimed before is run as it was offered.
   * @param problems what kept others from being among them
   */
  install(handlers: readonly Handler[], problems: readonly string[] = []): void {
    const versions = new Map<string, Map<string, Handler>>();
    for (const handler of handlers) {
      const { name } = handler.definition;
      if (handler.plugin === undefined) throw new Error(`expected the handler of ${name} to be of a plugin`);
      const ofName = versions.get(name) ?? new Map<string, Handler>();
      versions.set(name, ofName.set(handler.plugin.version, handler));
    }
    this.#versions = versions;
    this.#problems = problems;
    this.#edition += 1;
  }

  /** From now on lease events say which limits their attempts are held to. */
  limit(limitsOf: LeasedLimits): void {
    this.#limitsOf = limitsOf;
  }

  /** Grows with every `install`. */
  get edition(): number {
    return this.#edition;
  }

  /** All of them, every version of plugins. */
  get handlers(): readonly Handler[] {
    return [...this.#own.values(), ...[...this.#versions.values()].flatMap((ofName) => [...ofName.values()])];
  }

  /** Of handlers in modules. */
  get ownNames(): readonly string[] {
    return [...this.#own.keys()];
  }

  get problems(): readonly string[] {
    return this.#problems;
  }

  /** As others are told of them. */
  get announced(): readonly AnnouncedOffer[] {
    return this.handlers.map(({ definition: { name }, plugin }) => ({
      name,
      plugin: plugin?.name ?? null,
      version: plugin?.version ?? null,
    }));
  }

  get names(): readonly string[] {
    return [...new Set([...this.#own.keys(), ...this.#versions.keys()])];
  }

  /** Those of which tasks may have pins that it can serve. */
  get pinnableNames(): readonly string[] {
    return [...this.#versions.keys()];
  }

  /** What to offer to claims where these pins are. */
  offered(pins: readonly TaskKind[]): Offered {
    const kinds = [...this.names.map((name) => ({ name, pin: unpinned })), ...pins];
    const chosen = kinds.flatMap((kind) => {
      const handler = this.#choose(kind);
      return handler === undefined ? [] : [{ ...kind, handler }];
    });
    return new Offered(chosen, this.#limitsOf);
  }

  #choose({ name, pin }: TaskKind): Handler | undefined {
    const own = pin === unpinned ? this.#own.get(name) : undefined;
    if (own !== undefined) return own;
    const versions = this.#versions.get(name);
    if (versions === undefined) return undefined;
    const all = [...versions.keys()];
    const version = pin === unpinned ? newest(all) : maxSatisfying(all, pin);
    return version === null ? undefined : versions.get(version);
  }
}

/** A prerelease is for tasks that pin it: it runs others only where there is nothing else. */
function newest(versions: readonly string[]): string | null {
  return maxSatisfying([...versions], '*') ?? [...versions].sort(rcompare)[0] ?? null;
}

interface Chosen extends TaskKind {
  readonly handler: Handler;
}

/** What one claim offers. It never changes, so each attempt is run by the very version its lease event names. */
export class Offered {
  /** What a claim says of it. Where the names say all there is to say, `offers` is left out. */
  readonly kinds: Pick<ClaimRequest, 'names' | 'offers'> & { readonly offered: Offered };
  readonly #handlers: ReadonlyMap<string, Handler>;

  constructor(chosen: readonly Chosen[], limitsOf: LeasedLimits = () => undefined) {
    const names = [...new Set(chosen.map(({ name }) => name))];
    const isPlain = chosen.every(({ pin, handler }) => pin === unpinned && leasedOf(handler, limitsOf) === undefined);
    const offers = isPlain
      ? undefined
      : chosen.map(({ name, pin, handler }) => ({ name, pin, ...withLeased(handler, limitsOf) }));
    this.kinds = { names, offers, offered: this };
    this.#handlers = new Map(chosen.map(({ name, pin, handler }) => [keyOf(name, pin), handler]));
  }

  get handlers(): Iterable<Handler> {
    return this.#handlers.values();
  }

  /** What runs the attempt of a lease that was granted for this; undefined for a lease of something else. */
  handlerOf({ submitted: { name, plugin = unpinned } }: Lease): Handler | undefined {
    return this.#handlers.get(keyOf(name, plugin));
  }
}

function keyOf(name: string, pin: string): string {
  return pin === unpinned ? name : `${name}\n${pin}`;
}

function withLeased(handler: Handler, limitsOf: LeasedLimits): Pick<Offer, 'leased'> {
  const leased = leasedOf(handler, limitsOf);
  return leased === undefined ? {} : { leased };
}

/** What the lease events say of the handler; undefined for nothing. */
function leasedOf(handler: Handler, limitsOf: LeasedLimits): Offer['leased'] {
  const { plugin } = handler;
  const limits = limitsOf(handler);
  if (plugin === undefined && limits === undefined) return undefined;
  return {
    ...(plugin === undefined ? {} : { plugin: `${plugin.name}@${plugin.version}`, manifest_digest: plugin.digest }),
    ...(limits === undefined ? {} : { limits }),
  };
}
