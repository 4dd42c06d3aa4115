import { encodePayload } from '../../events/payload.ts';
import type { Progress } from '../../ledger/progress.ts';
import type { Ending, Usage } from './execution.ts';
import type { LogRecord } from './log-record.ts';
import { childMessageSchema, type ChildMessage, type RunnerMessage } from './messages.ts';

/** How a child broke the protocol: the code of the attempt's failure. */
export type Breach = 'PROTOCOL_BROKEN' | 'PROTOCOL_FORGED' | 'PROTOCOL_TOO_LONG' | 'TWO_RESULTS';

interface ConversationOptions {
  readonly nonce: string;
  /** Nonces of attempts the same child has run before. */
  readonly earlier: ReadonlySet<string>;
  readonly send: (message: RunnerMessage) => void;
  readonly progress: (progress: Progress) => Promise<void>;
  /** The handler logged a line; so many before it were not sent. */
  readonly log: (record: LogRecord, skipped: number) => void;
  /** The child has said how the attempt went. */
  readonly onResult: () => void;
  /** A warm child has done with the attempt. */
  readonly onIdle: () => void;
  /** The child broke the protocol; nothing it said or says is believed. */
  readonly onBreach: () => void;
}

/** What a child says of one attempt, known by its nonce. Everything that arrives is judged before it is believed. */
export class Conversation {
  readonly #options: ConversationOptions;
  #result: Ending | undefined;
  #usage: Usage | undefined;
  #breach: Breach | undefined;
  #began = false;
  #rssBytes: number | undefined;
  #strayed = false;
  #deaf = false;

  constructor(options: ConversationOptions) {
    this.#options = options;
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

  /** A warm child said it would call the handler. */
  get began(): boolean {
    return this.#began;
  }

  /** What a warm child that has done with the attempt holds. */
  get rssBytes(): number | undefined {
    return this.#rssBytes;
  }

  /** A message of an earlier attempt arrived: it was not believed, and is not the fault of this one. */
  get strayed(): boolean {
    return this.#strayed;
  }

  /** From now on nothing is taken any more: it comes too late. Nor is anything answered. */
  ignore(): void {
    this.#deaf = true;
  }

  hear(line: string): void {
    const message = parsedMessage(line);
    // Also when it is too late for everything else: what has begun must not be begun again.
    if (message?.kind === 'began' && message.nonce === this.#options.nonce) this.#began = true;
    if (this.#deaf || this.#breach !== undefined) return;
    if (message === undefined) this.#break('PROTOCOL_BROKEN');
    else if (message.nonce === this.#options.nonce) this.#take(message);
    else if (this.#options.earlier.has(message.nonce)) this.#strayed = true;
    else this.#break('PROTOCOL_FORGED');
  }

  tooLong(): void {
    this.#break('PROTOCOL_TOO_LONG');
  }

  #take(message: ChildMessage): void {
    if (message.kind === 'progress') this.#report(message);
    else if (message.kind === 'log') this.#options.log(message, message.skipped ?? 0);
    else if (message.kind === 'began') return;
    else if (message.kind === 'idle') this.#rest(message.rss_bytes);
    else if (message.kind === 'ready') this.#break('PROTOCOL_BROKEN');
    else if (this.#result !== undefined) this.#break('TWO_RESULTS');
    else this.#end(message);
  }

  #report({ id, fraction, message, checkpoint }: ChildMessage & { kind: 'progress' }): void {
    void this.#options.progress({ fraction, message, checkpoint }).then(() => {
      // A later attempt in the same child counts its checkpoints anew.
      if (id !== undefined && !this.#deaf) this.#options.send({ kind: 'recorded', id });
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

  #rest(rssBytes: number): void {
    if (this.#result === undefined) {
      this.#break('PROTOCOL_BROKEN');
      return;
    }
    this.#rssBytes = rssBytes;
    this.#options.onIdle();
  }

  #break(breach: Breach): void {
    if (this.#deaf || this.#breach !== undefined) return;
    this.#breach = breach;
    this.#options.onBreach();
  }
}

/** Undefined if the line is no message of the protocol. */
export function parsedMessage(line: string): ChildMessage | undefined {
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
