import { createHash } from 'node:crypto';
import type { BundleLine } from './bundle-format.ts';

const newline = 0x0a;

/** Longest line that is read, in bytes: the largest payload and context in base64, or the members of the largest block. */
const LINE_BYTES_MAX = 32 * 1024 * 1024;

/** One line of a bundle as read. */
export interface ReadLine {
  readonly number: number;
  /** Undefined when its bytes are not UTF-8, it is too long, or the newline that ends it is missing. */
  readonly text: string | undefined;
  /** SHA-256 of every byte before this line, hex. */
  readonly before: () => string;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The lines of a stream, in memory one at a time, each with the hash of all bytes before it. */
export async function* readBundleLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<ReadLine> {
  const digest = createHash('sha256');
  let rest: Buffer[] = [];
  let restBytes = 0;
  let number = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let to = chunk.indexOf(newline); to >= 0; to = chunk.indexOf(newline, from)) {
      const line = Buffer.concat([...rest, chunk.subarray(from, to)]);
      number += 1;
      yield {
        number,
        text: restBytes > LINE_BYTES_MAX ? undefined : decoded(line),
        before: () => digest.copy().digest('hex'),
      };
      digest.update(line).update('\n');
      rest = [];
      restBytes = 0;
      from = to + 1;
    }
    restBytes += chunk.length - from;
    // What is too long is not kept, only counted: the line is a finding in any case.
    if (restBytes > LINE_BYTES_MAX) rest = [];
    else rest.push(chunk.subarray(from));
  }
  if (restBytes > 0) yield { number: number + 1, text: undefined, before: () => digest.copy().digest('hex') };
}

/** Writes lines, and the last one that counts and hashes all before it. */
export class BundleLines {
  readonly #digest = createHash('sha256');
  #blocks = 0;
  #events = 0;

  line(line: BundleLine): string {
    if ('block' in line) this.#blocks += 1;
    if ('event' in line) this.#events += 1;
    const text = `${JSON.stringify(line)}\n`;
    this.#digest.update(text);
    return text;
  }

  end(): string {
    const end = { blocks: this.#blocks, events: this.#events, sha256: this.#digest.copy().digest('hex') };
    return this.line({ end });
  }
}

function decoded(bytes: Buffer): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}
