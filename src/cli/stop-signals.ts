import type { Clock } from '../clock.ts';
import { readConfig } from '../config.ts';

/** A terminal signals the whole process group, and npm and npx pass it on too: within this time that is one wish. */
const echoMs = 250;
const parentCheckMs = 200;

export interface StopWish extends Disposable {
  /** Resolves at the first SIGINT or SIGTERM: end in good order. */
  readonly first: Promise<NodeJS.Signals>;
  /** Aborts at the second: end now. */
  readonly second: AbortSignal;
}

/** Listens for the wish to stop until disposed of. From the third signal on, the process ends as it would have anyway. */
export function stopSignals(clock: Clock): StopWish {
  const hurry = new AbortController();
  let stop: (signal: NodeJS.Signals) => void = () => undefined;
  const first = new Promise<NodeJS.Signals>((resolve) => (stop = resolve));
  let firstAtMs: number | undefined;
  const heard = (signal: NodeJS.Signals): void => {
    if (firstAtMs === undefined) {
      firstAtMs = clock.monotonic();
      stop(signal);
    } else if (clock.monotonic() - firstAtMs >= echoMs) {
      hurry.abort();
      dispose();
    }
  };
  const dispose = (): void => {
    process.off('SIGINT', heard);
    process.off('SIGTERM', heard);
    clearInterval(watch);
  };
  process.on('SIGINT', heard);
  process.on('SIGTERM', heard);
  const watch = onParentGone(() => heard('SIGTERM'));
  return { first, second: hurry.signal, [Symbol.dispose]: dispose };
}

/** npm and npx hand SIGTERM to the shell between us, which dies of it without a word: then our parent is another one. */
function onParentGone(tell: () => void): NodeJS.Timeout | undefined {
  if (readConfig('npm_command') === undefined) return undefined;
  const parent = process.ppid;
  const watch = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(watch);
    tell();
  }, parentCheckMs);
  return watch.unref();
}
