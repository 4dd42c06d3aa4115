import type { Clock } from '../clock.ts';
import { errorCodeOf, LedgerError } from '../errors.ts';
import type { PreparedQueryable } from '../postgres/queryable.ts';
import { translateSqlError } from '../postgres/sql-error.ts';
import { askForLog, logChannel } from './ask-for-log.ts';
import type { LogListener } from './log-listener.ts';
import { parseLogBatch, type LogBatch } from './log-reader.ts';

/**
 * Why no lines are shown while an attempt runs: notifications do not come through (a pooler in transaction mode, a standby),
 * the runner says nothing (it hears no notifications, or is of another release), or the database refuses (`why` says it).
 */
export type LogTrouble =
  | { readonly trouble: 'notifications are not heard' }
  | { readonly trouble: 'its runner sends nothing' }
  | { readonly trouble: 'refused'; readonly why: string };

interface WatchedLogOptions {
  readonly db: PreparedQueryable;
  readonly taskId: string;
  /** A random UUID that nobody is told. */
  readonly watcher: string;
  readonly listener: LogListener;
  readonly clock: Clock;
}

const askEveryMs = 3000;
/** Longer than a runner takes that has much to do. */
const patienceMs = 4000;
/** Batches that wait to be read: a reader who is slower than that has gaps. */
const batchesMax = 50;

/** The log of a task's attempts, as their runners send it while somebody asks for it. */
export class WatchedLog {
  readonly #options: WatchedLogOptions;
  readonly #channel: string;
  #batches: LogBatch[] = [];
  #isOpen: Promise<void> | undefined;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  /** Since when there has been a lease whose lines should come. */
  #expectingSinceMs = Number.POSITIVE_INFINITY;
  #lease = '';
  #hears = false;
  #trouble: LogTrouble | undefined;
  #hasToldTrouble = false;
  #onNews: () => void = () => undefined;

  constructor(options: WatchedLogOptions) {
    this.#options = options;
    this.#channel = logChannel(options.watcher);
  }

  /** Asks for the lines under this lease, if it is time to. What goes wrong is a trouble. */
  ask(lease: { readonly epoch: number; readonly version: number }): void {
    const { clock } = this.#options;
    const token = `${lease.epoch},${lease.version}`;
    if (token !== this.#lease) {
      this.#lease = token;
      this.#askedAtMs = Number.NEGATIVE_INFINITY;
      this.#expectingSinceMs = clock.monotonic();
    }
    if (clock.monotonic() - this.#askedAtMs < askEveryMs) return;
    this.#askedAtMs = clock.monotonic();
    void this.#ask();
  }

  /** What came since the last call. */
  take(): LogBatch[] {
    return this.#batches.splice(0);
  }

  /** Why nothing comes, once. */
  takeTrouble(): LogTrouble | undefined {
    if (this.#hasToldTrouble) return undefined;
    const isLate = this.#options.clock.monotonic() - this.#expectingSinceMs > patienceMs;
    if (isLate) this.#trouble ??= { trouble: this.#hears ? 'its runner sends nothing' : 'notifications are not heard' };
    this.#hasToldTrouble = this.#trouble !== undefined;
    return this.#trouble;
  }

  /** Resolves when something comes. */
  news(): Promise<void> {
    return new Promise((resolve) => (this.#onNews = resolve));
  }

  async close(): Promise<void> {
    if (this.#isOpen !== undefined) await this.#options.listener.leave(this.#channel);
  }

  async #ask(): Promise<void> {
    const { db, taskId, watcher, listener } = this.#options;
    try {
      await (this.#isOpen ??= listener.hear(this.#channel, (payload) => this.#hear(payload)));
      await askForLog(db, taskId, watcher);
    } catch (error) {
      const known = translateSqlError(error);
      // Away: whoever reads the history says so.
      if (errorCodeOf(known) === 'TASKLEDGER_UNREACHABLE') return;
      this.#trouble ??= { trouble: 'refused', why: known instanceof LedgerError ? known.found : String(known) };
      this.#onNews();
    }
  }

  #hear(payload: string): void {
    this.#hears = true;
    const batch = parseLogBatch(payload);
    if (batch === undefined) return;
    if (batch.lease.join() === this.#lease) this.#expectingSinceMs = Number.POSITIVE_INFINITY;
    this.#batches.push(batch);
    if (this.#batches.length > batchesMax) this.#batches.shift();
    this.#onNews();
  }
}
