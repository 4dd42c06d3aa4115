/**
 * Cuts a stream of bytes into lines. Of a line longer than the limit the beginning is kept and the rest is dropped, so that
 * no writer can make the reader hold more.
 */
export class LineReader {
  readonly #maxBytes: number;
  readonly #onLine: (line: string) => void;
  readonly #onOverflow: (() => void) | undefined;
  #parts: Buffer[] = [];
  #bytes = 0;
  #overflown = false;

  /** @param onOverflow called once for each line that is longer than `maxBytes`, as soon as it is */
  constructor(maxBytes: number, onLine: (line: string) => void, onOverflow?: () => void) {
    this.#maxBytes = maxBytes;
    this.#onLine = onLine;
    this.#onOverflow = onOverflow;
  }

  push(chunk: Buffer): void {
    let from = 0;
    for (;;) {
      const end = chunk.indexOf(10, from);
      this.#keep(chunk.subarray(from, end === -1 ? chunk.length : end));
      if (end === -1) return;
      this.#emit();
      from = end + 1;
    }
  }

  /** A last line without its newline counts too. */
  end(): void {
    if (this.#bytes > 0) this.#emit();
  }

  #keep(part: Buffer): void {
    const room = this.#maxBytes - this.#bytes;
    if (part.length > room && !this.#overflown) {
      this.#overflown = true;
      this.#onOverflow?.();
    }
    if (room <= 0 || part.length === 0) return;
    // A copy: a part of a chunk would keep the whole chunk.
    this.#parts.push(Buffer.from(part.subarray(0, room)));
    this.#bytes += Math.min(part.length, room);
  }

  #emit(): void {
    const line = Buffer.concat(this.#parts).toString('utf8');
    this.#parts = [];
    this.#bytes = 0;
    const mark = this.#overflown ? ' … (cut)' : '';
    this.#overflown = false;
    this.#onLine(line + mark);
  }
}
