import { fold } from '../../events/evolve.ts';
import { readEventsOfTasks } from '../../events/read.ts';
import type { TaskState } from '../../events/task-state.ts';
import type { DemoSite } from './demo-site.ts';
import { isSameEverywhere } from './same-everywhere.ts';

/** What is really there at the end. */
export interface Inventory {
  readonly tasks: number;
  readonly events: number;
  readonly states: Readonly<Record<string, number>>;
  /** Nothing is waiting that should have run by now, and every site holds the same. */
  readonly converged: boolean;
  /** For every task, the log folded from its first event says what the tables say (I4). */
  readonly verified: boolean;
}

interface StoredTask {
  readonly id: string;
  readonly state: string;
  readonly version: number;
  readonly output: string | null;
  readonly hot_state: string | null;
  readonly hot_version: number | null;
  readonly hot_attempt: number | null;
}

const atOnce = 500;
const unfinished: readonly string[] = ['pending', 'leased', 'in_doubt'];

/** Each site answers for the tasks it owns, and has the events of all. */
export async function takeInventory(sites: readonly DemoSite[]): Promise<Inventory> {
  const owned = await Promise.all(sites.map(takeOwned));
  const states: Record<string, number> = {};
  for (const { state } of owned.flatMap(({ stored }) => stored)) states[state] = (states[state] ?? 0) + 1;
  const nothingIsDue = owned.every(({ due }) => due === 0);
  return {
    tasks: owned.reduce((sum, { stored }) => sum + stored.length, 0),
    events: owned[0]?.events ?? 0,
    states,
    converged: nothingIsDue && (await isSameEverywhere(sites)),
    verified: owned.every(({ verified }) => verified),
  };
}

interface Owned {
  readonly stored: readonly StoredTask[];
  readonly due: number;
  /** Of all sites. */
  readonly events: number;
  readonly verified: boolean;
}

async function takeOwned({ app, name }: DemoSite): Promise<Owned> {
  const { rows: stored } = await app.query<StoredTask>(
    `select t.id, t.state, t.version, t.output::text as output,
            o.state as hot_state, o.version as hot_version, o.attempt as hot_attempt
       from taskledger.tasks t left join taskledger.open_tasks o on o.task_id = t.id where t.realm = $1 order by t.id`,
    [name],
  );
  const { rows: counts } = await app.query<{ events: number; due: number; hot: number }>(
    `select (select count(*)::int from taskledger.events) as events,
            (select count(*)::int from taskledger.open_tasks) as hot,
            (select count(*)::int from taskledger.open_tasks where state <> 'in_doubt' and run_at <= now()) as due`,
  );
  const [{ events, due, hot } = { events: 0, due: 0, hot: 0 }] = counts;
  const open = stored.filter(({ state }) => unfinished.includes(state)).length;
  return { stored, due, events, verified: open === hot && (await foldsAgree({ app }, stored)) };
}

async function foldsAgree({ app }: Pick<DemoSite, 'app'>, stored: readonly StoredTask[]): Promise<boolean> {
  for (let from = 0; from < stored.length; from += atOnce) {
    const page = stored.slice(from, from + atOnce);
    const found = await readEventsOfTasks(
      app,
      page.map(({ id }) => id),
    );
    if (!page.every((task) => isSame(fold(found.get(task.id)?.events() ?? []), task))) return false;
  }
  return true;
}

function isSame(folded: TaskState | undefined, stored: StoredTask): boolean {
  if (folded?.state !== stored.state || folded.version !== stored.version) return false;
  const output = folded.output === undefined ? null : JSON.stringify(folded.output);
  const storedOutput = stored.output === null ? null : JSON.stringify(JSON.parse(stored.output));
  if (folded.state === 'completed' && output !== storedOutput) return false;
  if (!unfinished.includes(folded.state)) return stored.hot_state === null;
  const { hot_state, hot_version, hot_attempt } = stored;
  return hot_state === folded.state && hot_version === folded.version && hot_attempt === folded.attempt;
}
