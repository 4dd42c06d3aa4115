import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { onTestFinished } from 'vitest';
import { pathToFileURL } from 'node:url';
import path from 'node:path';
import { repositoryRoot } from './repository.ts';

export interface DaemonProcess {
  readonly pid: number;
  /** Default SIGKILL. */
  kill(signal?: NodeJS.Signals): void;
  /** Resolves with the signal it died of. */
  readonly died: Promise<string | null>;
}

/**
 * Starts a site's daemon from the compiled package, as `taskledger serve` does; it is killed when the test ends.
 * @param diesAt a failpoint: an expression over a signal's `name` and `data`; inside the first signal it is true of, the
 *   process kills itself with SIGKILL
 * @param keyFile with which it seals; without one it does not
 * @param stopsAt in the same way, with SIGSTOP, once
 */
export function spawnDaemon(
  url: string,
  diesAt = 'false',
  { keyFile, stopsAt = 'false' }: { readonly keyFile?: string; readonly stopsAt?: string } = {},
): DaemonProcess {
  const module = (name: string): string => JSON.stringify(pathToFileURL(path.join(repositoryRoot, 'dist', name)).href);
  const script = `
    import { systemClock } from ${module('clock.js')};
    import { createSignals } from ${module('signals.js')};
    import { openDaemon } from ${module('daemon/open-daemon.js')};
    import { loadSiteKey } from ${module('events/blocks/site-key.js')};
    const signals = createSignals();
    let stopped = false;
    signals.subscribe(({ name, data }) => { if (!stopped && (stopped = ${stopsAt})) process.kill(process.pid, 'SIGSTOP'); });
    signals.subscribe(({ name, data }) => { if (${diesAt}) process.kill(process.pid, 'SIGKILL'); });
    const never = new AbortController().signal;
    const file = ${JSON.stringify(keyFile ?? null)};
    const key = file === null ? undefined : await loadSiteKey({ file });
    const connectionString = ${JSON.stringify(url)};
    const open = await openDaemon({ connectionString, key, clock: systemClock, signals, random: Math.random, stopped: never });
    open.daemon.start();
    setInterval(() => undefined, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    env: { PATH: process.env['PATH'] },
    stdio: 'ignore',
  });
  const died = once(child, 'exit').then(() => child.signalCode);
  onTestFinished(() => void child.kill('SIGKILL'));
  return { pid: child.pid ?? 0, died, kill: (signal = 'SIGKILL') => void child.kill(signal) };
}
