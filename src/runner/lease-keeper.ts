import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import type { HeldClaim } from '../ledger/settle.ts';
import { compiledModule } from './compiled-module.ts';

/** What the runner tells the thread that keeps its leases. */
export interface KeeperCommand {
  readonly hold?: HeldClaim;
  /** Claims with no open lease left. */
  readonly drop: readonly string[];
  readonly stop?: true;
}

/** What the thread tells back. Times are milliseconds of the process-wide monotonic clock (`process.hrtime`). */
export type KeeperNews =
  | { readonly kind: 'renewed'; readonly claimIds: readonly string[]; readonly sentAtMs: number }
  | { readonly kind: 'lost'; readonly claimIds: readonly string[] }
  | { readonly kind: 'trouble'; readonly reason: string };

export interface KeeperSettings {
  readonly connectionString: string;
  readonly ttlMs: number;
  readonly applicationName: string;
}

const flushDropsMs = 500;
const restartAfterMs = 1000;
/** How long the thread may take to end: over a link that died without a word its connection never says goodbye. */
const goodbyeMs = 2000;

/** The clock both threads share: `performance.now()` counts from a different origin in each. */
export function sharedMonotonicMs(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000;
}

/** What the thread is started with. */
export interface ThreadData extends KeeperSettings {
  readonly news: MessagePort;
}

interface LeaseKeeperOptions extends KeeperSettings {
  readonly onNews: (news: KeeperNews) => void;
}

/**
 * Renews the claims of a runner from a thread and a connection of its own, so that a handler that blocks the event loop
 * does not lose leases silently. Every claim is renewed each third of the TTL until it is dropped.
 */
export class LeaseKeeper {
  readonly #options: LeaseKeeperOptions;
  #thread: Worker | undefined;
  #news: MessagePort | undefined;
  #ended: Promise<void> = Promise.resolve();
  readonly #held = new Map<string, HeldClaim>();
  #restarting: NodeJS.Timeout | undefined;
  #dropped: string[] = [];
  #flushing: NodeJS.Timeout | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#thread !== undefined) return;
    const { onNews, ...settings } = this.#options;
    // A port of its own, since it can be emptied at once: see `hear`.
    const { port1, port2 } = new MessageChannel();
    const workerData: ThreadData = { ...settings, news: port2 };
    const url = compiledModule(new URL('./lease-thread.ts', import.meta.url));
    // Without this process's own Node options: some of them (`--input-type`) would keep the thread from starting.
    const thread = new Worker(url, { workerData, transferList: [port2], execArgv: [] });
    this.#thread = thread;
    this.#news = port1;
    port1.on('message', onNews);
    thread.once('exit', () => port1.close());
    thread.on('error', (error: Error) => {
      onNews({ kind: 'trouble', reason: `the lease keeping thread ended: ${error.message}` });
      if (this.#thread === thread) this.#restart();
    });
    this.#ended = new Promise((resolve) => thread.once('exit', () => resolve()));
  }

  /** Hears at once what the thread has told so far, instead of at the next turn of the event loop. */
  hear(): void {
    if (this.#news === undefined) return;
    for (let told = receiveMessageOnPort(this.#news); told !== undefined; told = receiveMessageOnPort(this.#news)) {
      this.#options.onNews(told.message as KeeperNews);
    }
  }

  /** Only these two go to the thread: a message is a copy, and a claim has the inputs of all its tasks with it. */
  hold({ claimId, secret }: HeldClaim): void {
    const hold = { claimId, secret };
    this.#held.set(claimId, hold);
    this.#send({ hold, drop: this.#dropped });
  }

  /** Told with the next claim, or soon: a message costs a switch of threads, and a needless renewal harms nobody. */
  drop(claimId: string): void {
    this.#held.delete(claimId);
    this.#dropped.push(claimId);
    this.#flushing ??= setTimeout(() => this.#send({ drop: this.#dropped }), flushDropsMs);
  }

  /** Ends the thread; claims that are still held run out at their TTL. */
  async stop(): Promise<void> {
    clearTimeout(this.#restarting);
    this.#send({ drop: this.#dropped, stop: true });
    const thread = this.#thread;
    this.#thread = undefined;
    const late = setTimeout(() => void thread?.terminate(), goodbyeMs);
    await this.#ended;
    clearTimeout(late);
  }

  /** After a moment, so that a thread that cannot start does not take the whole processor; it is told what is held. */
  #restart(): void {
    this.#thread = undefined;
    this.#restarting = setTimeout(() => {
      this.start();
      for (const claim of this.#held.values()) this.#send({ hold: claim, drop: [] });
    }, restartAfterMs);
  }

  #send(command: KeeperCommand): void {
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    this.#dropped = [];
    this.#thread?.postMessage(command);
  }
}
