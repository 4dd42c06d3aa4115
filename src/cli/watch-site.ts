import { isTaskEvent, type LedgerEvent, type TaskEvent } from '../events/event.ts';
import { readTaskNames } from '../events/read.ts';
import type { Queryable } from '../postgres/queryable.ts';
import { eventJson } from './as-json.ts';
import { askAgain, type Watching } from './ask-again.ts';
import { EventTail } from './event-tail.ts';
import { coloredSentence } from './history-lines.ts';
import { printableStart } from './printable.ts';

interface WatchingSite extends Watching {
  readonly db: Queryable;
  readonly site: string;
}

/** Shown first, so that a quiet site does not look like a broken command. */
const backlog = 10;
const namesMax = 10_000;
const nameWidth = 24;

/** Prints what happens to all tasks of a site until told to stop. */
export async function watchSite({ db, site, ...watching }: WatchingSite): Promise<void> {
  const { terminal, clock } = watching;
  const tail = new EventTail({ db, site, clock, backlog });
  const names = new Map<string, string>();
  await askAgain(async () => {
    const events = await tail.next();
    if (terminal.json) for (const event of events) terminal.object(eventJson(event));
    else for (const line of await lines(events)) terminal.line(line);
    return false;
  }, watching);

  async function lines(events: readonly LedgerEvent[]): Promise<string[]> {
    const ofTasks = events.filter(isTaskEvent);
    await learnNames(ofTasks);
    return ofTasks.map((event) => {
      const { dim, bold } = terminal.colors;
      const name = printableStart(names.get(event.task_id) ?? '', nameWidth).padEnd(nameWidth);
      return `${dim(event.occurred_at.slice(11, 23))}  ${dim(event.task_id)}  ${bold(name)}  ${coloredSentence(event, terminal.colors)}`;
    });
  }

  async function learnNames(events: readonly TaskEvent[]): Promise<void> {
    if (names.size > namesMax) names.clear();
    const unknown = new Set(events.map((event) => event.task_id).filter((id) => !names.has(id)));
    if (unknown.size === 0) return;
    for (const [id, name] of await readTaskNames(db, [...unknown])) names.set(id, name);
  }
}
