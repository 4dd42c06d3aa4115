import satisfies from 'semver/functions/satisfies.js';
import type { Queryable } from '../postgres/queryable.ts';

/** A task that a running runner takes at this site. */
export interface OfferedTask {
  readonly runner: string;
  readonly host: string;
  readonly name: string;
  /** Plugin and version it would be run by; null for a handler in a module. */
  readonly plugin: string | null;
  readonly version: string | null;
  /** Null: of all queues. */
  readonly queues: readonly string[] | null;
  /** Until when that may be believed, unless it is told again. */
  readonly until: Date;
}

/** A plugin that a running runner cannot run as it is now, in a sentence. */
export interface PluginProblem {
  readonly runner: string;
  readonly host: string;
  readonly problem: string;
}

/** What decides who may run a task. */
export interface TaskNeeds {
  readonly name: string;
  /** The range of versions it asks for; null for none. */
  readonly plugin: string | null;
  readonly queue: string;
}

/**
 * What running runners take at this site. Only these do, wherever they run: each tells it to every site it works for.
 * @throws whatever pg throws; the caller translates
 */
export async function readOffered(db: Queryable, name?: string): Promise<OfferedTask[]> {
  const { rows } = await db.query(
    'select runner, host, name, plugin, version, queues, until from taskledger.offered() where $1::text is null or name = $1',
    [name ?? null],
  );
  return rows as OfferedTask[];
}

/** @throws whatever pg throws; the caller translates */
export async function readPluginProblems(db: Queryable): Promise<PluginProblem[]> {
  const { rows } = await db.query('select runner, host, problem from taskledger.plugin_problems()', []);
  return rows as PluginProblem[];
}

/** Whether a runner would take a task: as it chooses itself, a prerelease is in no range but one that names it. */
export function isOffered({ name, plugin: pin, queue }: TaskNeeds, offered: readonly OfferedTask[]): boolean {
  return offered.some(
    (offer) =>
      offer.name === name &&
      (offer.queues === null || offer.queues.includes(queue)) &&
      (pin === null || (offer.version !== null && satisfies(offer.version, pin))),
  );
}

/** Why nobody takes such tasks, in a sentence without its full stop. */
export function tellUnoffered(
  { name, plugin: pin, queue }: TaskNeeds,
  offered: readonly OfferedTask[],
  site: string,
): string {
  const ofName = offered.filter((offer) => offer.name === name);
  const what = pin === null ? name : `${name}@${pin}`;
  const nobody = `no runner offers ${what} at any site that works for ${site}`;
  if (ofName.length === 0) return nobody;
  const versions = [
    ...new Set(ofName.map(({ plugin, version }) => (plugin === null ? 'no version' : `${plugin}@${version ?? ''}`))),
  ];
  const queues = [...new Set(ofName.flatMap((offer) => offer.queues ?? []))];
  if (isOffered({ name, plugin: pin, queue: queues[0] ?? queue }, offered)) {
    return `${nobody} in queue ${queue}; it is offered in ${queues.join(', ')}`;
  }
  return `${nobody}; it is offered with ${versions.join(', ')}`;
}
