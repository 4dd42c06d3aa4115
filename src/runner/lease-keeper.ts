import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import type { HeldClaim } from '../ledger/settle.ts';
import { compiledModule } from './compiled-module.ts';
import { LeaseBoard } from './lease-board.ts';

/**
 * What the thread tells. Times are milliseconds of the process-wide monotonic clock (`process.hrtime`). A claim is told as
 * lost until it is dropped, and also when it ended well and was dropped while the answer was on its way.
 */
export type KeeperNews =
  | { readonly kind: 'renewed'; readonly claimIds: readonly string[]; readonly sentAtMs: number }
  | { readonly kind: 'lost'; readonly claimIds: readonly string[] }
  | { readonly kind: 'trouble'; readonly reason: string };

export interface KeeperSettings {
  readonly connectionString: string;
  readonly ttlMs: number;
  readonly applicationName: string;
}

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
  /** Of the LeaseBoard with the claims to renew. */
  readonly board: SharedArrayBuffer;
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
  readonly #board = new LeaseBoard();
  #restarting: NodeJS.Timeout | undefined;

  constructor(options: LeaseKeeperOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#thread !== undefined) return;
    const { onNews, ...settings } = this.#options;
    // A port of its own, since it can be emptied at once: see `hear`.
    const { port1, port2 } = new MessageChannel();
    const workerData: ThreadData = { ...settings, news: port2, board: this.#board.memory };
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

  /** Renewed from the thread's next look on, at most a third of the TTL from now, even while the event loop stands still. */
  hold(claim: HeldClaim): void {
    this.#board.hold(claim);
  }

  drop(claimId: string): void {
    this.#board.drop(claimId);
  }

  /** Ends the thread; claims that are still held run out at their TTL. */
  async stop(): Promise<void> {
    clearTimeout(this.#restarting);
    const thread = this.#thread;
    this.#thread = undefined;
    thread?.postMessage('stop');
    const late = setTimeout(() => void thread?.terminate(), goodbyeMs);
    await this.#ended;
    clearTimeout(late);
  }

  /** After a moment, so that a thread that cannot start does not take the whole processor. */
  #restart(): void {
    this.#thread = undefined;
    this.#restarting = setTimeout(() => this.start(), restartAfterMs);
  }
}
