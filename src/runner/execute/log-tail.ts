import type { Readable } from 'node:stream';
import type { Clock } from '../../clock.ts';
import { LineReader } from './lines.ts';

/** Of one line of output, in bytes; the rest is dropped. */
const MAX_LOG_LINE_BYTES = 1000;
/** Lines that are kept. */
const MAX_LOG_LINES = 50;
/** Characters that enter the event; older lines go first. */
const MAX_LOG_TAIL_LENGTH = 16_384;

/** The last lines an attempt wrote, each with its time and stream. Whatever it writes, no more than that is held. */
export class LogTail {
  readonly #clock: Clock;
  #lines: string[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Oldest first, each `TIME STREAM TEXT`, together no longer than the limit. */
  get lines(): readonly string[] {
    let left = MAX_LOG_TAIL_LENGTH;
    const from = this.#lines.findLastIndex((line) => (left -= line.length) < 0);
    return this.#lines.slice(from + 1);
  }

  /** Keeps what is read from `stream` until it ends; always reads on, so that a writer never waits for us. */
  follow(stream: Readable, name: 'stdout' | 'stderr'): void {
    const reader = new LineReader(MAX_LOG_LINE_BYTES, (line) => this.add(name, line));
    stream.on('data', (chunk: Buffer) => reader.push(chunk));
    stream.once('close', () => reader.end());
    // Reading from a process that was killed may fail; what was read so far is kept.
    stream.on('error', () => undefined);
  }

  add(stream: 'stdout' | 'stderr' | 'runner', text: string): void {
    const storable = text.replace(/\r$/, '').toWellFormed().replaceAll('\0', '\uFFFD');
    this.#lines.push(`${new Date(this.#clock.now()).toISOString()} ${stream} ${storable}`);
    if (this.#lines.length > MAX_LOG_LINES) this.#lines.shift();
  }
}
