import type { LogStream, LogTail } from './log-tail.ts';

type Stream = Exclude<LogStream, 'runner'>;

/**
 * What one attempt in a warm child prints: up to the line by which the child marks its end on each stream. The child ends
 * an unfinished line before it, so an empty line there is the child's own.
 */
export class AttemptOutput {
  /** Resolves when both streams have been read to the mark, or the child is gone. */
  readonly ended: Promise<void>;
  readonly #log: LogTail;
  readonly #mark: string;
  readonly #open = new Set<Stream>(['stdout', 'stderr']);
  /** An empty line was read, which may be the child's own. */
  readonly #held = new Set<Stream>();
  #late = 0;
  #onEnd: () => void = () => undefined;

  constructor(log: LogTail, mark: string) {
    this.#log = log;
    this.#mark = mark;
    this.ended = new Promise((resolve) => (this.#onEnd = resolve));
  }

  get isEnded(): boolean {
    return this.#open.size === 0;
  }

  /** Lines that were printed after the end. */
  get late(): number {
    return this.#late;
  }

  /** The child is gone: what is unfinished stays so. */
  end(): void {
    this.#onEnd();
  }

  line(stream: Stream, text: string): void {
    if (!this.#open.has(stream)) this.#late += 1;
    else if (text === this.#mark) this.#close(stream);
    else this.#keep(stream, text);
  }

  #keep(stream: Stream, text: string): void {
    if (this.#held.delete(stream)) this.#log.add(stream, '');
    if (text === '') this.#held.add(stream);
    else this.#log.add(stream, text);
  }

  #close(stream: Stream): void {
    this.#open.delete(stream);
    if (this.isEnded) this.#onEnd();
  }
}
