import type { Clock } from '../clock.ts';
import { listen, type Listener, type ListenOptions } from '../postgres/listen.ts';
import type { Signals } from '../signals.ts';

interface LogListenerOptions {
  /** Asked for when somebody watches. */
  readonly connection: () => ListenOptions['connection'];
  readonly clock: Clock;
  readonly signals: Signals;
}

/** One connection that listens for all who watch logs through a ledger; there is none while nobody does. */
export class LogListener {
  readonly #options: LogListenerOptions;
  readonly #hearers = new Map<string, (payload: string) => void>();
  #listener: Listener | undefined;

  constructor(options: LogListenerOptions) {
    this.#options = options;
  }

  /** Resolves when what is notified on the channel from now on is heard; not before there is a connection. */
  async hear(channel: string, onPayload: (payload: string) => void): Promise<void> {
    this.#hearers.set(channel, onPayload);
    const { clock, signals, connection } = this.#options;
    this.#listener ??= listen({
      ...{ clock, signals, connection: connection() },
      applicationName: 'taskledger watch',
      channels: [],
      onNotification: (on, payload) => this.#hearers.get(on)?.(payload),
      onConnected: () => undefined,
    });
    await this.#listener.add(channel);
  }

  async leave(channel: string): Promise<void> {
    this.#hearers.delete(channel);
    if (this.#hearers.size === 0) await this.close();
    else this.#listener?.remove(channel);
  }

  async close(): Promise<void> {
    const listener = this.#listener;
    this.#listener = undefined;
    await listener?.stop();
  }
}
