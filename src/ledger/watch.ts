import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import type { TaskEvent } from '../events/event.ts';
import { fold } from '../events/evolve.ts';
import type { TaskState } from '../events/task-state.ts';
import type { PreparedQueryable, Queryable } from '../postgres/queryable.ts';
import { LogReader, type LogBatch, type LogNews } from './log-reader.ts';
import { refuseUnknownOptions } from './known-options.ts';
import type { LogListener } from './log-listener.ts';
import { readOwner } from './owner.ts';
import { requireTaskId } from './task-id.ts';
import { WatchedLog, type LogTrouble } from './watched-log.ts';

/** What a watcher sees of a task, in the order in which it is to be told. */
export type Watched =
  /** `task` is what the task has become by the time it is looked at: the same for events that come together. */
  | { readonly kind: 'event'; readonly event: TaskEvent; readonly task: TaskState }
  | LogNews
  | ({ readonly kind: 'trouble' } & WatchTrouble);

/** What a watcher does not see, and why; told once each. The story goes on. */
export type WatchTrouble =
  | LogTrouble
  /** Lines are sent at the site that owns the task alone. */
  | { readonly trouble: 'another site owns it'; readonly site: string }
  | { readonly trouble: 'the database does not answer' };

export interface WatchOptions {
  /** Ends the watch when it aborts. */
  readonly signal?: AbortSignal;
}

interface WatchSurroundings {
  readonly db: PreparedQueryable & Queryable;
  readonly site: string;
  /** Every event of a task. */
  readonly history: (taskId: string) => Promise<TaskEvent[]>;
  readonly listener: LogListener;
  readonly clock: Clock;
  /** Random, to be guessed by nobody. */
  readonly newId: () => string;
}

interface TaskWatchOptions {
  readonly site: string;
  readonly history: () => Promise<TaskEvent[]>;
  readonly owner: () => Promise<string>;
  readonly log: WatchedLog;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

const watchOptions: ReadonlySet<string> = new Set<keyof WatchOptions>(['signal']);

const lookEveryMs = 250;
const awayMs = 2000;

/**
 * The story of a task as it goes on, with the lines its attempts log meanwhile, until it ends or `signal` aborts.
 * @throws LedgerError TASKLEDGER_INVALID_ID, TASKLEDGER_INVALID_OPTION; while iterating TASKLEDGER_NOT_FOUND
 */
export function watch(id: string, options: WatchOptions = {}, around: WatchSurroundings): AsyncGenerator<Watched> {
  refuseUnknownOptions(options, watchOptions, 'watch');
  const taskId = requireTaskId(id);
  const { db, site, clock, listener, newId } = around;
  return watchTask({
    ...{ site, clock, log: new WatchedLog({ db, taskId, watcher: newId(), listener, clock }) },
    history: () => around.history(taskId),
    owner: () => readOwner(db, taskId),
    signal: options.signal ?? new AbortController().signal,
  });
}

async function* watchTask(options: TaskWatchOptions): AsyncGenerator<Watched> {
  const { log, clock, signal } = options;
  const watch = new TaskWatch(options);
  try {
    while (!signal.aborted) {
      yield* await watch.look();
      if (watch.hasEnded) return;
      yield* await watch.troubles();
      const over = new AbortController();
      await Promise.race([log.news(), clock.sleep(watch.waitMs, AbortSignal.any([signal, over.signal]))]);
      over.abort();
    }
  } finally {
    await log.close();
  }
}

class TaskWatch {
  readonly #options: TaskWatchOptions;
  readonly #reader = new LogReader();
  #task: TaskState | undefined;
  #told = 0;
  #lookAtMs = Number.NEGATIVE_INFINITY;
  #isAway = false;
  #owner: string | undefined;
  #troubles: WatchTrouble[] = [];

  constructor(options: TaskWatchOptions) {
    this.#options = options;
  }

  get hasEnded(): boolean {
    return this.#task !== undefined && this.#task.finished_at !== null;
  }

  get waitMs(): number {
    return Math.max(1, this.#lookAtMs - this.#options.clock.monotonic());
  }

  /** What is new: events before the lines that followed them, and the last lines of an attempt before its outcome. */
  async look(): Promise<Watched[]> {
    const { clock, log } = this.#options;
    const batches = log.take();
    const known = this.#task?.lease ?? undefined;
    const isOfAnother = batches.some(({ lease }) => lease[0] !== known?.epoch || lease[1] !== known.version);
    const isDue = clock.monotonic() >= this.#lookAtMs || isOfAnother;
    const events = isDue ? await this.#newEvents() : [];
    const { lease = null } = this.#task ?? {};
    if (lease !== null) log.ask(lease);
    return [...this.#inOrder(events, batches)];
  }

  /** The lines of an attempt between its lease and its outcome, which tells the last of them. */
  *#inOrder(events: readonly TaskEvent[], batches: LogBatch[]): Iterable<Watched> {
    // What had happened before somebody looked is told by `show`, with its log.
    const isFirst = events.length === this.#told;
    for (const event of events) {
      if (!isFirst && 'log_tail' in event.data) {
        yield* this.#lines(batches.splice(0, batches.findLastIndex(({ lease }) => isUnder(lease, event)) + 1));
        yield* this.#reader.rest(event);
      }
      if (this.#task !== undefined) yield { kind: 'event', event, task: this.#task };
    }
    yield* this.#lines(batches);
  }

  #lines(batches: readonly LogBatch[]): Watched[] {
    return batches.flatMap((batch) => this.#reader.read(batch));
  }

  /** Why something is not seen; each once. */
  async troubles(): Promise<Watched[]> {
    const { site, owner, log } = this.#options;
    this.#owner ??= this.#isAway ? undefined : await owner();
    if (this.#owner !== undefined && this.#owner !== site && this.#told > 0) {
      this.#troubles.push({ trouble: 'another site owns it', site: this.#owner });
      this.#owner = site;
    }
    const ofLog = log.takeTrouble();
    if (ofLog !== undefined) this.#troubles.push(ofLog);
    return this.#troubles.splice(0).map((trouble) => ({ kind: 'trouble', ...trouble }));
  }

  async #newEvents(): Promise<TaskEvent[]> {
    const { clock, history } = this.#options;
    try {
      const events = await history();
      this.#isAway = false;
      this.#lookAtMs = clock.monotonic() + lookEveryMs;
      this.#task = fold(events);
      const news = events.slice(this.#told);
      this.#told = events.length;
      return news;
    } catch (error) {
      if (this.#told === 0 || errorCodeOf(error) !== 'TASKLEDGER_UNREACHABLE') throw error;
      this.#lookAtMs = clock.monotonic() + awayMs;
      if (!this.#isAway) this.#troubles.push({ trouble: 'the database does not answer' });
      this.#isAway = true;
      return [];
    }
  }
}

function isUnder([epoch, version]: LogBatch['lease'], { data }: TaskEvent): boolean {
  return 'lease' in data && Array.isArray(data.lease) && data.lease[0] === epoch && data.lease[1] === version;
}
