import type { Duplex } from 'node:stream';
import { encodePayload } from '../../events/payload.ts';
import type { Progress } from '../../ledger/progress.ts';
import type { Ending, Usage } from './execution.ts';
import { LineReader } from './lines.ts';
import { childMessageSchema, MAX_MESSAGE_BYTES, type ChildMessage, type RunnerMessage } from './messages.ts';

/** How a child broke the protocol: the code of the attempt's failure. */
export type Breach = 'PROTOCOL_BROKEN' | 'PROTOCOL_FORGED' | 'PROTOCOL_TOO_LONG' | 'TWO_RESULTS';

interface ChildChannelOptions {
  readonly nonce: string;
  readonly progress: (progress: Progress) => Promise<void>;
  /** The child has said how the attempt went. */
  readonly onResult: () => void;
  /** The child broke the protocol; nothing it said or says is believed. */
  readonly onBreach: () => void;
}

/** The runner's end of the protocol descriptor of one child. Everything that arrives is judged before it is believed. */
export class ChildChannel {
  readonly #stream: Duplex;
  readonly #options: ChildChannelOptions;
  #result: Ending | undefined;
  #usage: Usage | undefined;
  #breach: Breach | undefined;
  #deaf = false;

  constructor(stream: Duplex, options: ChildChannelOptions) {
    this.#stream = stream;
    this.#options = options;
    const lines = new LineReader(
      MAX_MESSAGE_BYTES,
      (line) => this.#hear(line),
      () => this.#break('PROTOCOL_TOO_LONG'),
    );
    stream.on('data', (chunk: Buffer) => lines.push(chunk));
    // A line that was not finished counts as broken rather than as silence.
    stream.once('end', () => lines.end());
    // The child may be gone before it has read everything: how it ended says more.
    stream.on('error', () => undefined);
  }

  /** What the child said of the attempt's end, unless it broke the protocol. */
  get result(): Ending | undefined {
    return this.#breach === undefined ? this.#result : undefined;
  }

  get usage(): Usage | undefined {
    return this.#usage;
  }

  get breach(): Breach | undefined {
    return this.#breach;
  }

  send(message: RunnerMessage): void {
    if (this.#stream.writable) this.#stream.write(`${JSON.stringify(message)}\n`);
  }

  /** From now on nothing is taken any more: it comes too late. */
  ignore(): void {
    this.#deaf = true;
  }

  #hear(line: string): void {
    if (this.#deaf || this.#breach !== undefined) return;
    const message = parsed(line);
    if (message === undefined) this.#break('PROTOCOL_BROKEN');
    else if (message.nonce !== this.#options.nonce) this.#break('PROTOCOL_FORGED');
    else if (message.kind === 'progress') this.#report(message);
    else if (this.#result !== undefined) this.#break('TWO_RESULTS');
    else this.#end(message);
  }

  #report({ id, fraction, message, checkpoint }: ChildMessage & { kind: 'progress' }): void {
    void this.#options.progress({ fraction, message, checkpoint }).then(() => {
      if (id !== undefined) this.send({ kind: 'recorded', id });
    });
  }

  #end(message: ChildMessage & { kind: 'completed' | 'failed' }): void {
    const ending = endingOf(message);
    if (ending === undefined) {
      this.#break('PROTOCOL_BROKEN');
      return;
    }
    this.#result = ending;
    this.#usage = message.usage;
    this.#options.onResult();
  }

  #break(breach: Breach): void {
    if (this.#deaf || this.#breach !== undefined) return;
    this.#breach = breach;
    this.#options.onBreach();
  }
}

function parsed(line: string): ChildMessage | undefined {
  try {
    return childMessageSchema.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

/** Undefined if it holds what the ledger cannot store: our own end of the descriptor would have refused it. */
function endingOf(message: ChildMessage & { kind: 'completed' | 'failed' }): Ending | undefined {
  try {
    if (message.kind === 'failed') {
      encodePayload(message.failure.error, 'the error of a child');
      return { failure: message.failure };
    }
    const { output } = message;
    return { outputJson: output === undefined ? null : encodePayload(output, 'the output of a child') };
  } catch {
    return undefined;
  }
}
