import type { Clock } from '../../clock.ts';

/** Of one line of output, in bytes; the rest is dropped. */
export const MAX_LOG_LINE_BYTES = 1000;
/** Lines that are kept. */
const MAX_LOG_LINES = 50;
/** Characters that enter the event; older lines go first. */
const MAX_LOG_TAIL_LENGTH = 16_384;

/** Where a line of a log tail comes from. */
export type LogStream = 'stdout' | 'stderr' | 'runner';

/** The last lines an attempt wrote, each with its time and stream. Whatever it writes, no more than that is held. */
export class LogTail {
  readonly #clock: Clock;
  readonly #head: string | undefined;
  #lines: string[] = [];

  /** @param head of the runner, goes before whatever else there is */
  constructor(clock: Clock, head?: string) {
    this.#clock = clock;
    this.#head = head === undefined ? undefined : this.#line('runner', head);
  }

  /** Oldest first, each `TIME STREAM TEXT`, together no longer than the limit (the head apart); none if nothing was written. */
  get lines(): readonly string[] {
    let left = MAX_LOG_TAIL_LENGTH;
    const from = this.#lines.findLastIndex((line) => (left -= line.length) < 0);
    const lines = this.#lines.slice(from + 1);
    return this.#head === undefined || lines.length === 0 ? lines : [this.#head, ...lines];
  }

  add(stream: LogStream, text: string): void {
    this.#lines.push(this.#line(stream, text));
    if (this.#lines.length > MAX_LOG_LINES) this.#lines.shift();
  }

  #line(stream: LogStream, text: string): string {
    const storable = text.replace(/\r$/, '').toWellFormed().replaceAll('\0', '\uFFFD');
    return `${new Date(this.#clock.now()).toISOString()} ${stream} ${storable}`;
  }
}
