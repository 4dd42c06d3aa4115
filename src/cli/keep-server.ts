import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import type { EmbeddedPostgres } from '../postgres/embedded/embedded-server.ts';
import type { Signals } from '../signals.ts';

const retryMs = 1000;

export interface KeptServer {
  /** From now on the server may end. Resolves once no restart is under way. */
  release(): Promise<void>;
}

/**
 * Starts a server again whenever it ended without being told to (`kill -9`, no memory left): its own recovery brings back
 * what was committed, and everybody who was connected comes back by himself.
 */
export function keepServer(
  server: EmbeddedPostgres,
  { clock, signals }: { readonly clock: Clock; readonly signals: Signals },
): KeptServer {
  const released = new AbortController();
  let restarting: Promise<void> | undefined;
  const restart = async (): Promise<void> => {
    while (!released.signal.aborted) {
      try {
        await server.restart();
        return;
      } catch (error) {
        signals.emit('service.failed', { service: 'postgres', code: errorCodeOf(error), retryInMs: retryMs });
        await clock.sleep(retryMs, released.signal);
      }
    }
  };
  const unsubscribe = signals.subscribe(({ name, data }) => {
    if (name !== 'postgres.stopped' || data.port !== server.port) return;
    restarting ??= restart().finally(() => (restarting = undefined));
  });
  return {
    release: async () => {
      unsubscribe();
      released.abort();
      await restarting;
    },
  };
}
