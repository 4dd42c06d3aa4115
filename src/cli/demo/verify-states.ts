import { fold } from '../../events/evolve.ts';
import { readTaskEvents } from '../../events/read.ts';
import type { TaskState } from '../../events/task-state.ts';
import type { DemoSite } from './demo-site.ts';

/** What is really there at the end. */
export interface Inventory {
  readonly tasks: number;
  readonly events: number;
  readonly states: Readonly<Record<string, number>>;
  /** Nothing is waiting that should have run by now. */
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

const atOnce = 4;
const unfinished: readonly string[] = ['pending', 'leased', 'in_doubt'];

export async function takeInventory({ app }: DemoSite): Promise<Inventory> {
  const { rows: stored } = await app.query<StoredTask>(
    `select t.id, t.state, t.version, t.output::text as output,
            o.state as hot_state, o.version as hot_version, o.attempt as hot_attempt
       from taskledger.tasks t left join taskledger.open_tasks o on o.task_id = t.id order by t.id`,
  );
  const { rows: counts } = await app.query<{ events: number; due: number; hot: number }>(
    `select (select count(*)::int from taskledger.events) as events,
            (select count(*)::int from taskledger.open_tasks) as hot,
            (select count(*)::int from taskledger.open_tasks where state <> 'in_doubt' and run_at <= now()) as due`,
  );
  const [{ events, due, hot } = { events: 0, due: 0, hot: 0 }] = counts;
  const states: Record<string, number> = {};
  for (const { state } of stored) states[state] = (states[state] ?? 0) + 1;
  const open = stored.filter(({ state }) => unfinished.includes(state)).length;
  const verified = open === hot && (await foldsAgree({ app }, stored));
  return { tasks: stored.length, events, states, converged: due === 0, verified };
}

async function foldsAgree({ app }: Pick<DemoSite, 'app'>, stored: readonly StoredTask[]): Promise<boolean> {
  const left = stored.values();
  let agree = true;
  const work = async (): Promise<void> => {
    for (const task of left) agree &&= isSame(fold(await readTaskEvents(app, task.id)), task);
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  return agree;
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
