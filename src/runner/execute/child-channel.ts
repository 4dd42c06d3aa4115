import type { Duplex } from 'node:stream';
import { LineReader } from './lines.ts';
import { MAX_MESSAGE_BYTES, type RunnerMessage } from './messages.ts';

interface ChannelEars {
  readonly message: (line: string) => void;
  /** A line is longer than any message. */
  readonly tooLong: () => void;
}

/** The runner's end of the protocol descriptor of one child: messages as lines. Nothing is judged here. */
export class ChildChannel {
  readonly #stream: Duplex;

  constructor(stream: Duplex, { message, tooLong }: ChannelEars) {
    this.#stream = stream;
    const lines = new LineReader(MAX_MESSAGE_BYTES, message, tooLong);
    stream.on('data', (chunk: Buffer) => lines.push(chunk));
    // A line that was not finished counts as broken rather than as silence.
    stream.once('end', () => lines.end());
    // The child may be gone before it has read everything: how it ended says more.
    stream.on('error', () => undefined);
  }

  send(message: RunnerMessage): void {
    if (this.#stream.writable) this.#stream.write(`${JSON.stringify(message)}\n`);
  }
}
