import pg from 'pg';
import type { Clock } from '../clock.ts';
import type { Signals } from '../signals.ts';
import { endWithin } from './end-connection.ts';

interface ListenOptions {
  readonly connectionString: string;
  readonly applicationName: string;
  readonly channels: readonly string[];
  readonly clock: Clock;
  readonly signals: Signals;
  readonly onNotification: (channel: string, payload: string) => void;
  /** After every connection, the first included: what was notified before is not heard. */
  readonly onConnected: () => void;
}

export interface Listener {
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
  const { clock, signals } = options;
  const stopping = new AbortController();
  let client: pg.Client | undefined;

  async function connectOnce(): Promise<void> {
    const connected = new pg.Client({
      connectionString: options.connectionString,
      application_name: options.applicationName,
      connectionTimeoutMillis: 5000,
      keepAlive: true,
    });
    client = connected;
    const lost = new Promise<never>((_resolve, reject) => {
      connected.on('error', reject);
      connected.on('end', () => reject(new Error('the connection ended')));
    });
    lost.catch(() => undefined);
    try {
      await connected.connect();
      connected.on('notification', ({ channel, payload }) => options.onNotification(channel, payload ?? ''));
      await connected.query(
        options.channels.map((channel) => `listen ${connected.escapeIdentifier(channel)}`).join('; '),
      );
      options.onConnected();
      for (;;) {
        await Promise.race([clock.sleep(probeEveryMs, stopping.signal), lost]);
        await answered(Promise.race([connected.query('select'), lost]));
      }
    } finally {
      await endWithin(connected.end(), () => [connected]);
    }
  }

  async function keepConnected(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; failures += 1) {
      const startedAt = clock.monotonic();
      try {
        await connectOnce();
      } catch (error) {
        // eslint-disable-next-line @typescript-eslint/no-unnecessary-condition -- aborted while we waited
        if (stopping.signal.aborted) return;
        if (clock.monotonic() - startedAt > probeEveryMs) failures = 0;
        signals.emit('connection.lost', {
          purpose: 'listen',
          reason: error instanceof Error ? error.message : 'unknown',
        });
        const waitMs = reconnectAfterMs[Math.min(failures, reconnectAfterMs.length - 1)] ?? 0;
        await clock.sleep(waitMs, stopping.signal);
      }
    }
  }

  const running = keepConnected();
  return {
    async stop() {
      stopping.abort();
      const last = client;
      if (last !== undefined) await endWithin(last.end(), () => [last]);
      await running;
    },
  };
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
