import type { AttemptLog } from '../../ledger/attempt-log.ts';
import { attemptLog, type LogRecord } from './log-record.ts';
import { MAX_LOG_LINES } from './log-tail.ts';
import type { ChildSays } from './messages.ts';

const windowMs = 100;
/** Sent at once in each window; of what is more only the last lines are, since the runner keeps no more than those. */
const linesPerWindow = 100;

/** In the child: the log of the handler's context. A line goes at once, so that it is not lost with the process. */
export class ChildLog {
  readonly log: AttemptLog = attemptLog((record) => this.#write(record));
  readonly #say: (message: ChildSays) => void;
  #sent = 0;
  #held: LogRecord[] = [];
  #skipped = 0;
  #window: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(say: (message: ChildSays) => void) {
    this.#say = say;
  }

  /** Sends what is held; from now on nothing is written any more. */
  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#window);
    this.#release();
  }

  #write(record: LogRecord): void {
    if (this.#isClosed) return;
    if (this.#sent < linesPerWindow) {
      this.#sent += 1;
      this.#window ??= setTimeout(() => this.#nextWindow(), windowMs).unref();
      this.#send(record);
      return;
    }
    this.#held.push(record);
    if (this.#held.length <= MAX_LOG_LINES) return;
    this.#held.shift();
    this.#skipped += 1;
  }

  #nextWindow(): void {
    this.#window = undefined;
    this.#sent = 0;
    this.#release();
  }

  #release(): void {
    for (const record of this.#held.splice(0)) this.#send(record);
  }

  #send(record: LogRecord): void {
    const skipped = this.#skipped;
    this.#skipped = 0;
    this.#say({ kind: 'log', ...record, ...(skipped === 0 ? {} : { skipped }) });
  }
}
