import type { Clock } from '../clock.ts';
import { ABORT_CHANNEL } from '../ledger/abort.ts';
import { DOORBELL_CHANNEL } from '../ledger/arm-doorbell.ts';
import { WATCH_CHANNEL } from '../ledger/ask-for-log.ts';
import type { Signals } from '../signals.ts';
import { listen, type Listener } from '../postgres/listen.ts';

interface DoorbellOptions {
  readonly connectionString: string;
  readonly applicationName: string;
  /** Whether a task of this name is for this runner. */
  readonly isOurs: (name: string) => boolean;
  readonly clock: Clock;
  readonly signals: Signals;
  /** Arms the ledger's doorbells for that long, for what this runner offers now; 0 disarms. */
  readonly arm: (forMs: number) => Promise<void>;
  /** A task of one of the names was submitted; also called once after arming, for what came in between. */
  readonly onRing: () => void;
  /** Somebody asked for a task to be aborted; it may run elsewhere. */
  readonly onAbort: (taskId: string) => void;
  /** Somebody watches a task; it may run elsewhere. A new watcher has seen nothing yet. */
  readonly onWatch: (taskId: string, how: { readonly isNew: boolean }) => void;
}

const armedForMs = 10_000;
const rearmAfterMs = 5_000;
const emptyClaimsBeforeArming = 3;

/**
 * Waits for submissions while the runner has nothing to do. Armed after a few empty claims, it makes submit notify; a
 * busy runner lets it lapse, so that a loaded site pays for no NOTIFY. Whatever it misses, polling finds.
 */
export class Doorbell {
  readonly #options: DoorbellOptions;
  #listener: Listener | undefined;
  #emptyClaims = 0;
  #armedAtMs = Number.NEGATIVE_INFINITY;
  #arming = false;

  constructor(options: DoorbellOptions) {
    this.#options = options;
  }

  start(): void {
    const { connectionString, applicationName, clock, signals, onRing } = this.#options;
    this.#listener = listen({
      connection: { connectionString },
      applicationName,
      channels: [DOORBELL_CHANNEL, ABORT_CHANNEL, WATCH_CHANNEL],
      clock,
      signals,
      onNotification: (channel, payload) => this.#notified(channel, payload),
      // Whatever was notified while nobody listened is gone.
      onConnected: () => {
        this.#armedAtMs = Number.NEGATIVE_INFINITY;
        onRing();
      },
    });
  }

  /** Submissions ring. */
  get armed(): boolean {
    return this.#options.clock.monotonic() - this.#armedAtMs < armedForMs;
  }

  /** To be told after every claim whether it came back empty. */
  heard(idle: boolean): void {
    this.#emptyClaims = idle ? this.#emptyClaims + 1 : 0;
    const sinceMs = this.#options.clock.monotonic() - this.#armedAtMs;
    if (this.#emptyClaims < emptyClaimsBeforeArming || sinceMs < rearmAfterMs || this.#arming) return;
    this.#arming = true;
    this.#options
      .arm(armedForMs)
      .then(() => {
        const wasSilent = this.#options.clock.monotonic() - this.#armedAtMs > armedForMs;
        this.#armedAtMs = this.#options.clock.monotonic();
        if (wasSilent) this.#options.onRing();
      })
      .catch(() => undefined) // The claim loop meets the same trouble and reports it; polling goes on.
      .finally(() => {
        this.#arming = false;
      });
  }

  /** There are other names now: armed anew when there is nothing to do. */
  renew(): void {
    this.#armedAtMs = Number.NEGATIVE_INFINITY;
  }

  #notified(channel: string, payload: string): void {
    const { isOurs, onRing, onAbort, onWatch } = this.#options;
    if (channel === ABORT_CHANNEL) onAbort(payload);
    else if (channel === WATCH_CHANNEL) onWatch(payload.split(' ', 1)[0] ?? '', { isNew: payload.endsWith(' new') });
    else if (isOurs(payload)) onRing();
  }

  async stop(): Promise<void> {
    await this.#listener?.stop();
    this.#listener = undefined;
  }
}
