import { LedgerError } from '../../../errors.ts';
import type { ChildLimits } from '../../../ledger/child-limits.ts';
import type { Handler } from '../../../ledger/define-task.ts';
import { limitsOf } from '../../../ledger/isolation.ts';
import { activeLayers, holdsOf, type Hold } from './holds.ts';
import { machineLayers, type Layers } from './layers.ts';

/** A handler with what holds its attempts; none if it has no limits. */
export interface HeldHandler {
  readonly name: string;
  /** `inline` is held by nothing. */
  readonly isolation: 'inline' | 'pool' | 'process';
  readonly limits: ChildLimits | undefined;
  readonly holds: readonly Hold[];
}

export function heldHandler(
  { definition, isolation }: Handler,
  caps: ChildLimits | undefined,
  layers: Layers,
): HeldHandler {
  const { name } = definition;
  if (isolation === undefined) return { name, isolation: 'inline', limits: undefined, holds: [] };
  const level = isolation.isolation;
  const limits = limitsOf(isolation, caps);
  const holds = limits === undefined ? [] : holdsOf({ limits, layers, warm: level === 'pool' });
  return { name, isolation: level, limits, holds };
}

/** What holds the handlers of a runner on this machine. */
interface HeldHere {
  readonly layers: readonly string[];
  readonly missing: readonly string[];
  /** A sentence for each limit of each handler. */
  readonly told: readonly string[];
  /** What the lease events of a handler say. */
  readonly leased: (handler: Handler) => Readonly<Record<string, string>> | undefined;
}

/**
 * What holds these handlers on this machine, in words; undefined if none of them has limits.
 * @throws LedgerError TASKLEDGER_LIMIT_NOT_HELD
 */
export async function heldHere(
  handlers: Iterable<Handler>,
  caps: ChildLimits | undefined,
): Promise<HeldHere | undefined> {
  const limited = [...handlers].filter(({ isolation }) => isolation !== undefined && limitsOf(isolation, caps));
  if (limited.length === 0) return undefined;
  const layers = await machineLayers();
  const held = limited.map((handler) => heldHandler(handler, caps, layers));
  requireHeld(held, layers);
  const told = held.flatMap(({ name, holds }) =>
    holds.map(({ name: limit, value, by }) => `${name}: ${limit} ${value} by ${by ?? 'nothing'}`),
  );
  const leased = (handler: Handler): ReturnType<typeof leasedLimits> =>
    leasedLimits(heldHandler(handler, caps, layers));
  return { layers: activeLayers(layers), missing: layers.problems, told, leased };
}

/**
 * That this machine holds handlers to what they must be held to. Another user and no network are always required: there is
 * nothing weaker to fall back on.
 * @throws LedgerError TASKLEDGER_LIMIT_NOT_HELD naming all of them
 */
export function requireHeld(handlers: readonly HeldHandler[], { problems }: Layers): void {
  const wrong = handlers.flatMap(({ name, limits, holds }) =>
    holds
      .filter((one) => !one.firm && isRequired(one, limits))
      .map(({ name: limit, value, by }) => `${limit} ${value} of ${name} by ${by ?? 'nothing'}`),
  );
  if (wrong.length === 0) return;
  const because = problems.length === 0 ? '' : ` (${problems.join('; ')})`;
  throw new LedgerError('TASKLEDGER_LIMIT_NOT_HELD', {
    expected: 'a machine that holds attempts to every limit that is required',
    found: `it would hold ${wrong.join('; ')}${because}`,
    remedy: 'See --explain-limits and docs/guides/isolation.md for what is missing, or do not require it',
  });
}

function isRequired({ name }: Hold, limits: ChildLimits | undefined): boolean {
  return name === 'network' || name === 'user' || limits?.required.includes(name) === true;
}

/** What a lease event says of the limits its attempt is held to; undefined for none. */
export function leasedLimits({ limits, holds }: HeldHandler): Readonly<Record<string, string>> | undefined {
  if (limits === undefined) return undefined;
  return Object.fromEntries(
    holds.map(({ name, value, by, firm }) => [name, firm ? value : `${value} (${by ?? 'not held'})`]),
  );
}
