import pg from 'pg';
import type { Clock } from '../clock.ts';
import type { Signals } from '../signals.ts';
import { endWithin } from './end-connection.ts';

export interface ListenOptions {
  readonly connection: pg.ClientConfig;
  readonly applicationName: string;
  readonly channels: readonly string[];
  readonly clock: Clock;
  readonly signals: Signals;
  readonly onNotification: (channel: string, payload: string) => void;
  /** After every connection, the first included: what was notified before is not heard. */
  readonly onConnected: () => void;
}

export interface Listener {
  /** Listens on this channel too; resolves when what is notified from now on is heard, or when it is stopped. Never rejects. */
  add(channel: string): Promise<void>;
  remove(channel: string): void;
  stop(): Promise<void>;
}

const reconnectAfterMs = [250, 1000, 3000, 10_000];
/** Half-open connections look alive for hours: ask now and then. */
const probeEveryMs = 10_000;
const probeTimeoutMs = 5000;

/**
 * Listens on channels over a connection of its own, which is made again whenever it is lost or stops answering.
 * Never throws: notifications are hints, and polling finds what they miss.
 */
export function listen(options: ListenOptions): Listener {
  const listening = new Listening(options);
  listening.start();
  return listening;
}

class Listening implements Listener {
  readonly #options: ListenOptions;
  readonly #channels: Set<string>;
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #client: pg.Client | undefined;
  /** The connection on which all channels are listened on. */
  #hearing: pg.Client | undefined;
  readonly #whenHearing: (() => void)[] = [];

  constructor(options: ListenOptions) {
    this.#options = options;
    this.#channels = new Set(options.channels);
  }

  start(): void {
    this.#running = this.#keepConnected();
  }

  async add(channel: string): Promise<void> {
    this.#channels.add(channel);
    if (this.#stopping.signal.aborted) return;
    try {
      if (this.#hearing === undefined) await new Promise<void>((resolve) => this.#whenHearing.push(resolve));
      else await this.#hearing.query(`listen ${pg.escapeIdentifier(channel)}`);
    } catch {
      // The connection is lost, and is made again with all channels.
    }
  }

  remove(channel: string): void {
    this.#channels.delete(channel);
    this.#hearing?.query(`unlisten ${pg.escapeIdentifier(channel)}`).catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wakeAll();
    const last = this.#client;
    if (last !== undefined) await endWithin(last.end(), () => [last]);
    await this.#running;
  }

  async #keepConnected(): Promise<void> {
    const { clock, signals } = this.#options;
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; failures += 1) {
      const startedAt = clock.monotonic();
      try {
        await this.#connectOnce();
      } catch (error) {
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- aborted while we waited
        if (signal.aborted) return;
        if (clock.monotonic() - startedAt > probeEveryMs) failures = 0;
        const reason = error instanceof Error ? error.message : 'unknown';
        signals.emit('connection.lost', { purpose: 'listen', reason });
        const waitMs = reconnectAfterMs[Math.min(failures, reconnectAfterMs.length - 1)] ?? 0;
        await clock.sleep(waitMs, signal);
      }
    }
  }

  async #connectOnce(): Promise<void> {
    const { connection, applicationName, clock, onConnected, onNotification } = this.#options;
    const connected = new pg.Client({
      ...connection,
      application_name: applicationName,
      connectionTimeoutMillis: 5000,
      keepAlive: true,
    });
    this.#client = connected;
    const lost = new Promise<never>((_resolve, reject) => {
      connected.on('error', reject);
      connected.on('end', () => reject(new Error('the connection ended')));
    });
    lost.catch(() => undefined);
    try {
      await connected.connect();
      connected.on('notification', ({ channel, payload }) => onNotification(channel, payload ?? ''));
      await this.#listenToAll(connected);
      onConnected();
      for (;;) {
        await Promise.race([clock.sleep(probeEveryMs, this.#stopping.signal), lost]);
        await answered(Promise.race([connected.query('select'), lost]));
      }
    } finally {
      this.#hearing = undefined;
      await endWithin(connected.end(), () => [connected]);
    }
  }

  /** Channels may be added meanwhile. */
  async #listenToAll(client: pg.Client): Promise<void> {
    let asked: string | undefined;
    while (asked !== [...this.#channels].join()) {
      asked = [...this.#channels].join();
      await client.query([...this.#channels].map((channel) => `listen ${pg.escapeIdentifier(channel)}`).join('; '));
    }
    this.#hearing = client;
    this.#wakeAll();
  }

  #wakeAll(): void {
    for (const resolve of this.#whenHearing.splice(0)) resolve();
  }
}

/** Rejects when a probe has gone unanswered for too long. */
async function answered(probe: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('the connection stopped answering')), probeTimeoutMs);
  });
  try {
    await Promise.race([probe, silence]);
  } finally {
    clearTimeout(timer);
  }
}
