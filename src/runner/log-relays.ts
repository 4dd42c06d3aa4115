import type { Clock } from '../clock.ts';
import { errorCodeOf } from '../errors.ts';
import { MAX_REPORTED_BYTES, type LogAnswer } from '../ledger/report-log.ts';
import type { Signals } from '../signals.ts';
import type { Attempt } from './attempt.ts';
import type { LogLines } from './execute/log-tail.ts';

interface LogRelaysOptions {
  readonly clock: Clock;
  readonly signals: Signals;
  /** One call to the ledger. */
  readonly send: (attempt: Attempt, log: LogLines) => Promise<LogAnswer>;
}

/** Somebody watches an attempt. */
interface Relay {
  untilMs: number;
  /** The number of the first line that is still to be sent. */
  next: number;
  /** Something is to be sent, even if it is no line: a new watcher learns that it is heard. */
  isAsked: boolean;
  sent: number;
  dropped: number;
}

/** Whoever watches asks again every few seconds. */
const lastsMs = 15_000;
const everyMs = 200;
/** Of a line that would not fit alone: text of which each character takes six bytes in JSON. */
const longestLine = 1000;

/**
 * Sends the lines of attempts to those who watch them: first what the tail holds, then what is added, a few times a second.
 * Nothing is sent for an attempt nobody watches. What is written faster than that is dropped, as the tail drops it; the
 * numbers of the lines say how many. The attempt itself never waits.
 */
export class LogRelays {
  readonly #options: LogRelaysOptions;
  readonly #relays = new Map<Attempt, Relay>();
  readonly #closing = new AbortController();

  constructor(options: LogRelaysOptions) {
    this.#options = options;
  }

  /** Somebody watches this attempt, or still does; one that is new has seen nothing. */
  asked(attempt: Attempt, { isNew }: { readonly isNew: boolean }): void {
    const untilMs = this.#options.clock.monotonic() + lastsMs;
    const relay = this.#relays.get(attempt);
    if (relay !== undefined) {
      relay.untilMs = untilMs;
      if (isNew) Object.assign(relay, { next: 0, isAsked: true });
    } else if (!this.#closing.signal.aborted) {
      const begun: Relay = { untilMs, next: 0, isAsked: true, sent: 0, dropped: 0 };
      this.#relays.set(attempt, begun);
      void this.#run(attempt, begun);
    }
  }

  /** The attempt has ended: its last lines are in the event of its outcome. */
  forget(attempt: Attempt): void {
    this.#relays.delete(attempt);
  }

  close(): void {
    this.#closing.abort();
    this.#relays.clear();
  }

  async #run(attempt: Attempt, relay: Relay): Promise<void> {
    const { clock, signals } = this.#options;
    const { taskId, attempt: number } = attempt;
    signals.emit('log.watched', { taskId, attempt: number });
    while (this.#relays.get(attempt) === relay && clock.monotonic() < relay.untilMs) {
      if (!(await this.#send(attempt, relay))) break;
      await clock.sleep(everyMs, this.#closing.signal);
    }
    if (this.#relays.get(attempt) === relay) this.#relays.delete(attempt);
    signals.emit('log.unwatched', { taskId, attempt: number, lines: relay.sent, dropped: relay.dropped });
  }

  /** False when it is over. */
  async #send(attempt: Attempt, relay: Relay): Promise<boolean> {
    const log = whatFits(attempt.tail.from(relay.next));
    if (log.lines.length === 0 && !relay.isAsked) return true;
    relay.isAsked = false;
    const dropped = log.first - relay.next;
    relay.next = log.first + log.lines.length;
    try {
      const answer = await this.#options.send(attempt, log);
      if (answer === 'told') {
        relay.sent += log.lines.length;
        relay.dropped += dropped;
      }
      if (answer === 'later') sendAgain(relay, log);
      return answer === 'told' || answer === 'later';
    } catch (error) {
      sendAgain(relay, log);
      this.#options.signals.emit('service.failed', { service: 'log', code: errorCodeOf(error), retryInMs: everyMs });
      return true;
    }
  }
}

function sendAgain(relay: Relay, { first }: LogLines): void {
  relay.isAsked = true;
  // A watcher that came meanwhile may want earlier ones.
  relay.next = Math.min(relay.next, first);
}

/** The first of the lines, as many as one notification carries. */
function whatFits({ first, lines }: LogLines): LogLines {
  const taken: string[] = [];
  let bytes = 0;
  for (const line of lines) {
    const whole = jsonBytes(line) < MAX_REPORTED_BYTES;
    const fitting = whole ? line : `${line.slice(0, longestLine).toWellFormed()} … (cut)`;
    bytes += jsonBytes(fitting) + 1;
    if (bytes >= MAX_REPORTED_BYTES) break;
    taken.push(fitting);
  }
  return { first, lines: taken };
}

function jsonBytes(text: string): number {
  return Buffer.byteLength(JSON.stringify(text));
}
