import type { Lane } from '../ledger/claim.ts';

/** A task that has waited that long counts as one priority higher, and so on; `present_lanes` says the same. */
const agesEveryMs = 60_000;

/** Lanes named to one claim: each costs a look, and the text of all goes along. */
const lanesMax = 100;

interface DrawnLane {
  readonly lane: Lane;
  readonly level: number;
  readonly weight: number;
}

/**
 * Known lanes in the order to claim from them, each with its share: as `share_lanes` does it, where no rule gives weights. Higher
 * levels first; within one, queues share evenly, then the groups of a queue, then the lanes of a group.
 * How long a lane has waited is told by its low-water mark; the latest of them stands for the present, so no clock is asked.
 */
export function shareLanes(known: readonly Lane[], random: () => number): Lane[] {
  if (known.length === 1) return known.map((lane) => ({ ...lane, share: 1 }));
  const present = Math.max(...known.map(({ from }) => Date.parse(from)));
  const levelOf = ({ priority, from }: Lane): number =>
    priority + Math.max(0, Math.floor((present - Date.parse(from)) / agesEveryMs));
  const leveled = known.map((lane) => ({ lane, level: levelOf(lane) }));
  const ofGroup = counted(leveled.map(({ lane, level }) => groupKey(lane, level)));
  const groups = counted([...ofGroup.keys()].map((key) => key.slice(0, key.lastIndexOf('\n'))));
  const drawn = leveled.map(({ lane, level }): DrawnLane & { readonly ticket: number } => {
    const key = groupKey(lane, level);
    const lanesOfGroup = ofGroup.get(key) ?? 1;
    const weight = 1 / (lanesOfGroup * (groups.get(key.slice(0, key.lastIndexOf('\n'))) ?? 1));
    return { lane, level, weight, ticket: -Math.log(1 - random()) / weight };
  });
  drawn.sort((a, b) => b.level - a.level || a.ticket - b.ticket);
  return withShares(drawn.slice(0, lanesMax));
}

function withShares(drawn: readonly DrawnLane[]): Lane[] {
  const left = new Map<number, number>();
  for (const { level, weight } of drawn) left.set(level, (left.get(level) ?? 0) + weight);
  return drawn.map(({ lane, level, weight }) => {
    const before = left.get(level) ?? weight;
    left.set(level, before - weight);
    return { ...lane, level, share: Math.min(1, weight / before) };
  });
}

/** A group has no control characters, and so no line end. */
function groupKey({ queue, group }: Lane, level: number): string {
  return `${level}\n${queue}\n${group}`;
}

function counted(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
