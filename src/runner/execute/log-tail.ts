import type { Clock } from '../../clock.ts';
import type { LogLevel } from '../../ledger/attempt-log.ts';

/** Of one line of output, in bytes; the rest is dropped. */
export const MAX_LOG_LINE_BYTES = 1000;
/** Lines that are kept. */
export const MAX_LOG_LINES = 50;
/** Characters that enter the event; older lines go first. */
const MAX_LOG_TAIL_LENGTH = 16_384;

/** Where a line of a log tail comes from; `log` is that of the handler's context. */
export type LogStream = 'stdout' | 'stderr' | 'log' | 'runner';

/** How much a line matters that does not say so itself. */
const usualLevels: Readonly<Record<LogStream, LogLevel>> = {
  stdout: 'info',
  stderr: 'warn',
  log: 'info',
  runner: 'warn',
};

/** Lines that follow one another; the first has this number, counted from 0. */
export interface LogLines {
  readonly first: number;
  readonly lines: readonly string[];
}

/**
 * The last lines an attempt wrote, each `TIME LEVEL STREAM TEXT`. Whatever it writes, no more than that is held. Lines are
 * numbered, so that who reads on from the last one seen knows how many were dropped in between.
 */
export class LogTail {
  readonly #clock: Clock;
  #head: string | undefined;
  #lines: string[] = [];
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Oldest first, together no longer than the limit (the head apart); none if nothing was written. */
  get lines(): readonly string[] {
    let left = MAX_LOG_TAIL_LENGTH;
    const from = this.#lines.findLastIndex((line) => (left -= line.length) < 0);
    const lines = this.#lines.slice(from + 1);
    return this.#head === undefined || lines.length === 0 ? lines : [this.#head, ...lines];
  }

  /** Goes before whatever else there is, and is not there alone. */
  openWith(text: string): void {
    this.#head = this.#line('runner', text, 'info');
  }

  add(stream: LogStream, text: string, level: LogLevel = usualLevels[stream]): void {
    this.#lines.push(this.#line(stream, text, level));
    this.#count += 1;
    if (this.#lines.length > MAX_LOG_LINES) this.#lines.shift();
  }

  /** What is still held of the lines from this number on. */
  from(number: number): LogLines {
    const oldest = this.#count - this.#lines.length;
    const first = Math.min(Math.max(number, oldest), this.#count);
    return { first, lines: this.#lines.slice(first - oldest) };
  }

  #line(stream: LogStream, text: string, level: LogLevel): string {
    const storable = text.replace(/\r$/, '').toWellFormed().replaceAll('\0', '\uFFFD');
    return `${new Date(this.#clock.now()).toISOString()} ${level} ${stream} ${storable}`;
  }
}
